"""The metric's page, which scores and explains one answer, and scores files of answers. Run it with `python app.py`."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr
from answer_files import show_files
from comparison import compare, read_backdrop
from markup import escape, notice

from builders.notation.formats import FORMAT_NAMES
from sarchat_metric import SCENARIOS, TASKS

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE / "examples"
PREDICTIONS, REFERENCES = (str(EXAMPLES / name) for name in ("predictions.jsonl", "references.jsonl"))

# For 2 processors and 16 GB, as a Space has: pairs of files and answers that are scored at a time, and users that wait.
_MOST_FILES, _MOST_ANSWERS, _LONGEST_QUEUE = 2, 8, 100
# The full test set's references take about 100 MB.
_MOST_BYTES = "150mb"


def load_examples() -> dict[str, dict[str, str]]:
    """Read the examples by id: the two example files, joined."""
    examples: dict[str, dict[str, str]] = {}
    for path in (REFERENCES, PREDICTIONS):
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            examples[entry["id"]] = examples.get(entry["id"], {}) | entry
    return examples


def show_question(example: dict[str, str]) -> str:
    """Return the question and a remark on the answer: HTML."""
    return f'<p class="sar-question">{escape(example["question"])}<br><span>{escape(example["remark"])}</span></p>'


def show_answer(task: str, scenario: str, gold: str | None, answer: str | None, image: str | None) -> str:
    """Score one answer, and draw it on the uploaded image, if any: HTML."""
    backdrop, problem = None, ""
    if image:
        try:
            backdrop = read_backdrop(image)
        except ValueError as error:
            problem = notice(str(error), "error")
    return problem + compare(task, scenario, gold or "", answer or "", backdrop)


def choose_example(record_id: str, image: str | None) -> tuple[str, str, str, str, str, str]:
    """Return what the page shows for an example: its fields, its question and its result."""
    example = load_examples()[record_id]
    fields = example["task"], example["scenario"], example["answer"], example["prediction"]
    return *fields, show_question(example), show_answer(*fields, image)


def build_page() -> gr.Blocks:
    """Build the page with its event handlers."""
    examples = load_examples()
    first = next(iter(examples))
    task, scenario, gold, answer, question, result = choose_example(first, None)
    with gr.Blocks(title="SARChat metric", analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)) as page:
        gr.HTML((HERE / "head.html").read_text(encoding="utf-8"))
        with gr.Tab("One answer"):
            chosen = gr.Dropdown(
                [(example["title"], record_id) for record_id, example in examples.items()],
                value=first,
                label="Example",
                elem_id="example",
            )
            asked = gr.HTML(question, elem_id="question")
            with gr.Row():
                tasks = gr.Radio(TASKS, value=task, label="Task", elem_id="task", scale=3, min_width=300)
                scenarios = gr.Radio(SCENARIOS, value=scenario, label="Scenario", elem_id="scenario", scale=1)
            with gr.Row():
                golds = gr.Textbox(gold, label="Gold answer", lines=4, max_lines=8, elem_id="gold", min_width=300)
                answers = gr.Textbox(
                    answer, label="Model's answer", lines=4, max_lines=8, elem_id="answer", min_width=300
                )
            shown = gr.HTML(result, elem_id="result")
            with gr.Accordion("Draw on your own image", open=False):
                images = gr.File(label="SAR image (PNG, JPEG, TIFF, BMP)", file_types=["image"], elem_id="image")
        with gr.Tab("Files of answers"):
            gr.Markdown((HERE / "files.md").read_text(encoding="utf-8"))
            with gr.Row():
                kinds = {"file_types": [".jsonl", ".json", ".txt", ".parquet", ".csv", ".tsv", ".xlsx"], "height": 140}
                predictions = gr.File(label="Predictions", elem_id="predictions", **kinds)
                references = gr.File(label="References", elem_id="references", **kinds)
            with gr.Row():
                average = gr.Radio(
                    [("mean over records (sample)", "sample"), ("counts pooled over records (corpus)", "corpus")],
                    value="sample",
                    label="Average",
                    elem_id="average",
                    scale=2,
                )
                formats = gr.Dropdown(FORMAT_NAMES, value=FORMAT_NAMES[0], label="Box format", elem_id="format")
                model_input = gr.Textbox(
                    label="Image size that the model saw",
                    info="for formats that need it: WxH, or the processor's FACTOR,MIN,MAX",
                    elem_id="input-size",
                )
                fill = gr.Button("Use the example files", elem_id="fill")
                run = gr.Button("Score", variant="primary", elem_id="run")
            scores = gr.HTML(elem_id="scores", elem_classes="sar-files")

        fields = [tasks, scenarios, golds, answers]
        private = {"api_visibility": "private"}
        chosen.input(choose_example, [chosen, images], [*fields, asked, shown], show_progress="hidden", **private)
        # Answers are scored while they are typed; of many changes, the last one counts.
        gr.on(
            [tasks.input, scenarios.input, golds.change, answers.change, images.upload, images.clear],
            show_answer,
            [*fields, images],
            shown,
            trigger_mode="always_last",
            show_progress="hidden",
            **private,
        )
        fill.click(lambda: (PREDICTIONS, REFERENCES), None, [predictions, references], **private)
        inputs = [predictions, references, average, formats, model_input]
        run.click(show_files, inputs, scores, concurrency_limit=_MOST_FILES, **private)
    # Answers are quick to score; a user who would have to wait gets a notice instead.
    return page.queue(default_concurrency_limit=_MOST_ANSWERS, max_size=_LONGEST_QUEUE)


def main() -> None:
    """Serve the page."""
    # System fonts, so that none is downloaded.
    theme = gr.themes.Default(
        primary_hue="emerald",
        neutral_hue="slate",
        font=("system-ui", "sans-serif"),
        font_mono=("ui-monospace", "Consolas", "monospace"),
    ).set(
        button_primary_background_fill="#006b4f",
        button_primary_background_fill_dark="#006b4f",
        button_primary_background_fill_hover="#00573f",
        button_primary_background_fill_hover_dark="#00805f",
    )
    page = build_page()
    _, address, _ = page.launch(
        theme=theme,
        css_paths=[HERE / "builders/drawing/shapes.css", HERE / "style.css"],
        allowed_paths=[str(EXAMPLES)],
        max_file_size=_MOST_BYTES,
        footer_links=["settings"],
        ssr_mode=False,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
    )
    print(f"Running on {address}", flush=True)
    page.block_thread()


if __name__ == "__main__":
    main()
