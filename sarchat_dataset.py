"""SARChat: conversations about SAR images in six tasks, built live from SARDet-100K.

from sarchat_dataset import SARChat

builder = SARChat(config_name="referring", data_dir="SARDet_100K")
builder.download_and_prepare()
dataset = builder.as_dataset(split="test")          # or builder.as_streaming_dataset(split="test")
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

# Before `datasets`, which takes seconds. Indented: the loader of `datasets` 3 scans lines that start with `from`, and
# would ask for `pip install builders`, another project.
try:
    from builders.core.errors import SARChatError
    from builders.core.resources import read_text
    from builders.core.schema import (
        ALL,
        CONFIGS,
        DATA_VERSION,
        IDENTIFICATIONS,
        RELEASE_NOTES,
        feature_specs,
        package_version,
        tasks_of,
    )
    from builders.corpus.corpus import find_corpus, locate
    from builders.corpus.info import DEFAULT, CorpusInfo, is_description, known_corpus, read_corpus
    from builders.data.live import check_live_choices, generate_tables, has_records, plan_shards
    from builders.data.origin import cite, find_origin
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{error}. sarchat_dataset.py is a part of sarchat-bench: run `pip install .` in the folder that it comes from",
        name=error.name,
    ) from error

import datasets
import pyarrow as pa

VERSION = datasets.Version(DATA_VERSION)
# Defined once for both the card and `datasets`, which reads the card in the same way.
FEATURES = datasets.Features._from_yaml_list(feature_specs(known_corpus(DEFAULT).names))

__all__ = ["FEATURES", "RELEASE_NOTES", "VERSION", "SARChat", "SARChatConfig"]

_DESCRIPTION = "Conversations about synthetic aperture radar images in six tasks, built from SARDet-100K."
_OF_OTHERS = "Conversations about {}s in six tasks, built from {}."
_NEEDS_DATA = (
    "SARChat is built from SARDet-100K, which this builder does not download: give its folder, zip or URL as "
    'data_dir, as in SARChat(config_name="referring", data_dir="SARDet_100K")'
)


@dataclass
class SARChatConfig(datasets.BuilderConfig):
    """The config of one task or of all tasks, with what the builder found in the corpus, for its child processes.

    Attributes:
        seed: the seed for the choice of wordings; affects nothing else.
        identifications: the most identifications that a dialogue has.
        rename: one of the six categories for each name that the annotations use for it.
        drop: names of categories in the annotations whose boxes are left out.
        corpus: the YAML file that describes the corpus, or a known name; default: SARDet-100K.
        trust_boxes: whether to accept boxes that do not look like x, y, width, height in pixels.
        annotations: the annotation file of each split; `data_dir` is then the folder of the images.
        boxes: `oriented` for boxes of four corners, if the annotations have them; default: upright boxes.
        fingerprint: the fingerprint of the corpus's content; set by the builder.
        stamp: the corpus's stamp, by which other processes recognize it; set by the builder.
        corpus_splits: the splits of the corpus; set by the builder.
        license: the licence of its images, empty if unknown; set by the builder.
        citation: how to cite the paper, and the corpus where that is known; set by the builder.
        corpus_info: what the corpus is about; set by the builder.
    """

    seed: int = 0
    identifications: int = IDENTIFICATIONS
    rename: Mapping[str, str] | None = None
    drop: Sequence[str] = ()
    corpus: str | os.PathLike[str] | None = None
    trust_boxes: bool = False
    annotations: Mapping[str, str | os.PathLike[str]] | None = None
    boxes: str | None = None
    fingerprint: str | None = None
    stamp: str | None = None
    corpus_splits: tuple[str, ...] = ()
    license: str = known_corpus(DEFAULT).license
    citation: str = read_text("citation.bib")
    corpus_info: CorpusInfo = field(default_factory=lambda: known_corpus(DEFAULT))

    def create_config_id(self, config_kwargs: dict, custom_features: datasets.Features | None = None) -> str:
        """Name the cache folder by the source of the records, including its content, and not only by its path."""
        names = {**config_kwargs, "seed": self.seed, "identifications": self.identifications}
        if self.data_dir is not None:
            location = os.fspath(self.data_dir)
            names["data_dir"] = location if "://" in location else os.path.realpath(location)
        # The fingerprint covers the choices of categories, and the content of the annotation files.
        for name in ("rename", "drop", "corpus", "annotations", "trust_boxes", "boxes"):
            names.pop(name, None)
        # A file with a new time stamp gives the same records.
        for name in ("stamp", "corpus_splits", "license", "citation", "corpus_info"):
            names.pop(name, None)
        return super().create_config_id(names, custom_features)


class SARChat(datasets.ArrowBasedBuilder, datasets.GeneratorBasedBuilder):
    """Conversations in six tasks over SARDet-100K (arXiv 2502.08168), with one config per task and `all`.

    Args:
        config_name: `classification`, `description`, `counting`, `grounding`, `identification`, `referring`, or
            `all`, the default.
        data_dir: SARDet-100K: a folder, a `.zip`, or a URL of either that fsspec opens.
        seed: the seed for the choice of wordings, any integer; default: 0.
        identifications: the most identifications that a dialogue has; default: 8.
        rename: one of the six categories for each name that the annotations use for it: `{"airplane": "aircraft"}`.
        drop: names of categories in the annotations whose boxes are left out: `["windmill"]`.
        corpus: the YAML file that describes the corpus, which may say where it is, so that `data_dir` is not needed; or
            a name from `sarchat corpora`; default: SARDet-100K.
        trust_boxes: whether to accept boxes that do not look like x, y, width, height in pixels.
        annotations: the annotation file of each split, if `data_dir` is only the folder of the images:
            `{"train": "boxes.json"}`.
        boxes: `"oriented"` for boxes of four corners, if the annotations have them; default: upright boxes.

    Splits are `train`, `validation` (SARDet-100K's val) and `test`; splits without records are left out.

    Raises:
        SARChatError: if `data_dir` is missing or there is no valid corpus; the message says what is wrong and where.
    """

    VERSION = VERSION
    BUILDER_CONFIG_CLASS = SARChatConfig
    BUILDER_CONFIGS = [SARChatConfig(name=name, version=VERSION) for name in CONFIGS]  # noqa: RUF012
    DEFAULT_CONFIG_NAME = ALL
    # Up to datasets 4.7, that of `GeneratorBasedBuilder` passes an argument on that tables do not take.
    _download_and_prepare = datasets.DatasetBuilder._download_and_prepare

    def __init__(self, *args: object, **kwargs: Any) -> None:  # noqa: ANN401
        """Find the corpus and compute its fingerprint; see `datasets.DatasetBuilder` for further arguments."""
        if args:
            raise SARChatError(
                f"SARChat takes keywords only, but got {args[0]!r}: the first argument of a datasets builder is its "
                'cache folder; call SARChat(config_name="referring", data_dir="SARDet_100K")'
            )
        if type(kwargs.get("seed", 0)) is not int:
            raise SARChatError(f"seed must be an integer, but got {kwargs['seed']!r}")
        if kwargs.get("corpus") is None and kwargs.get("data_dir") is not None and is_description(kwargs["data_dir"]):
            kwargs["corpus"] = kwargs.pop("data_dir")
        info = read_corpus(kwargs["corpus"]) if kwargs.get("corpus") is not None else known_corpus(DEFAULT)
        kwargs["corpus_info"] = info
        if kwargs.get("data_dir") is None and info.root:
            kwargs["data_dir"] = info.root
        if kwargs.get("data_dir") is not None:
            corpus = find_corpus(
                locate(
                    kwargs["data_dir"],
                    kwargs.get("annotations"),
                    kwargs.get("rename"),
                    kwargs.get("drop", ()),
                    info=info,
                    trust_boxes=kwargs.get("trust_boxes", False),
                    boxes=kwargs.get("boxes"),
                )
            )
            if corpus.source.is_local_folder or corpus.source.is_archive:
                corpus.warn_of_unread()
            # Before the fingerprint: a change between the two is noticed when the corpus is opened again.
            kwargs |= {"stamp": corpus.stamp(), "corpus_splits": corpus.splits, "fingerprint": corpus.fingerprint()}
            origin = find_origin({"source": corpus.describe(), "corpus": corpus.info.as_data()})
            kwargs |= {"license": origin.license or "", "citation": cite(info, origin)}
        super().__init__(**kwargs)

    def _info(self) -> datasets.DatasetInfo:
        info = self.config.corpus_info
        image = dict(info.nouns)["image"]
        return datasets.DatasetInfo(
            description=_DESCRIPTION
            if info.name == known_corpus(DEFAULT).name
            else _OF_OTHERS.format(image, info.name),
            features=datasets.Features._from_yaml_list(
                feature_specs(self.config.corpus_info.names, oriented=self.config.boxes == "oriented")
            ),
            homepage="https://arxiv.org/abs/2502.08168",
            license=self.config.license,
            citation=self.config.citation,
        )

    def _split_generators(
        self, dl_manager: datasets.DownloadManager | datasets.StreamingDownloadManager
    ) -> list[datasets.SplitGenerator]:
        if self.config.data_dir is None or self.config.stamp is None:
            raise SARChatError(_NEEDS_DATA)
        config = self.config
        location = locate(
            config.data_dir,
            config.annotations,
            config.rename,
            config.drop,
            info=config.corpus_info,
            trust_boxes=config.trust_boxes,
            boxes=config.boxes,
        )
        if "://" in location.path and location.path.partition("?")[0].endswith(".zip"):
            # A full build stores it in the cache of `datasets`; streaming reads only the required parts.
            location = replace(location, path=dl_manager.download(location.path))
        if config.rename or config.drop:
            check_live_choices(location, self.config.stamp, self.config.corpus_splits, self._index_folder())
        tasks = tasks_of(self.config.name)
        found = {"location": location, "stamp": self.config.stamp, "cache": self._index_folder()}
        how = {
            "seed": config.seed,
            "identifications": config.identifications,
            "shards": plan_shards(tasks),
            "is_streaming": dl_manager.is_streaming,
        }
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={**found, **how, "split": split})
            for split in self.config.corpus_splits
            # A stream opens nothing before its first record is read; `datasets` cannot load a split without records.
            if dl_manager.is_streaming or any(has_records(**found, split=split, task=task) for task in tasks)
        ]

    def _generate_tables(self, **options: Any) -> Iterator[tuple[int, pa.Table]]:  # noqa: ANN401
        schema = self.info.features.arrow_schema
        for number, table in enumerate(generate_tables(**options)):
            yield number, table.cast(schema)

    def _generate_examples(self, **options: Any) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401
        for _, table in self._generate_tables(**options):
            for row in table.to_pylist():
                yield row["id"], row

    def _get_examples_iterable_for_split(self, split_generator: datasets.SplitGenerator) -> Any:  # noqa: ANN401
        # Streams of tables are resumed inexactly by `datasets` 3.6 to 4.8, exactly by 5.2; those of examples always.
        of_examples = int(datasets.__version__.partition(".")[0]) < 5
        kind = datasets.GeneratorBasedBuilder if of_examples else datasets.ArrowBasedBuilder
        return kind._get_examples_iterable_for_split(self, split_generator)

    def _index_folder(self) -> str | None:
        """Return the folder of the indices of this corpus, which all processes share; none in a remote cache."""
        if "://" in self._cache_dir_root:
            return None
        name = f"{package_version()}-{self.config.fingerprint}"
        return os.path.join(self._cache_dir_root, "sarchat-index", name)
