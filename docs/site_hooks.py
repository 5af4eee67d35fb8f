"""Hooks of MkDocs: pages from outside docs/, the Python reference, navigation, and llms.txt."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Section
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
# Pages that are not in docs/, by their path in the site.
PAGES = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
# What the reference lists, in this order: modules that users import.
REFERENCE = ("sarchat_metric", "sarchat_dataset", "sarchat_inspect")
# The order of the navigation; each page of docs/ is in one section, which `omitted_files` checks.
SECTIONS = {
    "Data": "loading building own-images corpora label-formats oriented-boxes dialogue size",
    "Train and ask": "training box-formats asking serving rewards",
    "Score": "scoring protocol scores blind harnesses paper-differences",
    "Publish and scale": "publishing object-storage clusters benchmarks robustness",
    "Python": "python reference",
    "Project": "layout contributing changelog",
}
# The first one builds, the other goes on.
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"), reverse=True)
_LINK = re.compile(r"(\]\()(?!https?:|#|mailto:)([^)#\s]+)((?:#[^)\s]*)?\))")
_SOURCE = "source"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the navigation from the pages that exist."""
    there = {path.stem for path in Path(config.docs_dir).glob("*.md")} | {"reference"} | {Path(p).stem for p in PAGES}
    listed = {name for names in SECTIONS.values() for name in names.split()}
    config.nav = ["index.md"]
    for title, names in SECTIONS.items():
        pages = [name for name in names.split() if name in there]
        config.nav.append({title: [f"{name}.md" for name in pages]})
    if NOTEBOOKS:
        config.nav.insert(1, {"Examples": [f"examples/{path.name}" for path in NOTEBOOKS]})
    if left := sorted(there - listed - {"index"}):
        config.nav.append({"More": [f"{name}.md" for name in left]})
    return config


@event_priority(100)
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/, the reference, the notebooks, and the files that pages link to."""
    contents = {path: (ROOT / source).read_text(encoding="utf-8") for path, source in PAGES.items()}
    contents["reference.md"] = "# Reference\n\n" + "\n\n".join(f"::: {module}" for module in REFERENCE) + "\n"
    for path, content in contents.items():
        files.append(File.generated(config, path, content=_rewrite(content, ROOT, files, config)))
    for notebook in NOTEBOOKS:
        files.append(File(f"examples/{notebook.name}", str(ROOT), config.site_dir, config.use_directory_urls))
    for file in [file for file in files.documentation_pages() if file.src_uri not in contents]:
        if file.src_uri.endswith(".md"):
            text = Path(file.abs_src_path).read_text(encoding="utf-8")
            file.content_string = _rewrite(text, Path(file.abs_src_path).parent, files, config)
    return files


def _rewrite(text: str, folder: Path, files: Files, config: MkDocsConfig) -> str:
    """Return a page whose links to files of the project lead to their places in the site."""
    shown = PAGES | {name: name for name in (f"examples/{path.name}" for path in NOTEBOOKS)}
    places = {(ROOT / source).resolve(): path for path, source in shown.items()}

    def replace(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if target in places:
            path = places[target]
        elif target.is_relative_to(ROOT / "docs"):
            path = target.relative_to(ROOT / "docs").as_posix()
        elif target.is_file():
            path = f"{_SOURCE}/{target.relative_to(ROOT).as_posix()}"
            # A page of another folder is shown as it is stored.
            path += ".txt" if path.endswith(".md") else ""
            if files.get_file_from_path(path) is None:
                files.append(File.generated(config, path, content=target.read_bytes()))
        else:
            path = link[2]
        return f"{link[1]}{path}{link[3]}"

    return _LINK.sub(replace, text)


def on_nav(nav: object, config: MkDocsConfig, files: Files) -> None:
    """Keep the navigation for llms.txt."""
    config.extra["nav"] = nav


def on_post_build(config: MkDocsConfig) -> None:
    """Write llms.txt (https://llmstxt.org): the pages with their first sentences, for programs that read."""
    lines = [f"# {config.site_name}", "", f"> {config.site_description}", ""]
    for item in config.extra["nav"].items:
        if isinstance(item, Section):
            lines += [f"## {item.title}", ""]
        for page in item.children if isinstance(item, Section) else [item]:
            if isinstance(page, Page):
                lines.append(f"- [{page.title}]({page.url}){_first_sentence(page)}")
        lines.append("")
    Path(config.site_dir, "llms.txt").write_text("\n".join(lines), encoding="utf-8")
    # GitHub's pages would otherwise leave out folders with an underscore.
    Path(config.site_dir, ".nojekyll").touch()


def _first_sentence(page: Page) -> str:
    text = page.markdown or ""
    if page.file.src_uri.endswith(".ipynb"):
        text = "".join(json.loads(text)["cells"][0]["source"])
    paragraphs = text.split("\n\n")
    plain = [text for text in paragraphs if text.strip() and text.lstrip()[0] not in "#!|<`:*-"]
    text = " ".join(re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", plain[0]).split()) if plain else ""
    found = re.match(r"(.+?[.!?])(?: |$)", text)
    return f": {found[1]}" if found else ""
