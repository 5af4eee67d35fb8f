"""What a corpus is about, as data: its words, its source and licence, and where and how its labels are stored."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builders.core.errors import SARChatError, near
from builders.core.resources import find_repeated_key, load_foreign_yaml, read_text, read_yaml
from builders.core.schema import SPLITS, split_name, stem
from builders.corpus.targets import DIFFICULT_CHOICES, LEFT_OUT

if TYPE_CHECKING:
    from sarchat_metric import Vocabulary

DEFAULT = "sardet-100k"
BOXES = ("upright", "oriented")
# The values of keys, the default first.
_CHOICES = {"boxes": BOXES, "difficult": DIFFICULT_CHOICES}
# How the first line of a description begins that was not compared with label files of its corpus.
UNCHECKED = "# Not checked"
_KNOWN = "corpus/known"
_MODALITIES = "modalities"
_YAML = (".yaml", ".yml")
# Names of licences on the Hub: https://huggingface.co/docs/hub/repositories-licenses
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]*")
_ADDRESS = re.compile(r"https?://[^\s()<>\"]+")
# What a text must be, and how a message says so.
_TEXTS: dict[str, tuple[Callable[[str], object], str]] = {
    "name": (lambda text: text.strip() and text.isprintable(), "a line of text"),
    "homepage": (_ADDRESS.fullmatch, "an address that starts with https://"),
    "license": (_LICENSE.fullmatch, "a name that the Hub knows, such as cc-by-4.0, mit or other"),
    "citation": (lambda text: "```" not in text, "BibTeX or a line of text, without ```"),
}
_MOST_BYTES = 1_000_000
# What boxes and templates are written with, or a line ends with.
_NO_WORD = re.compile(r"[{}<>|\[\]\x00-\x1f\x7f-\x9f\u2028\u2029]")
# A word with a digit or two capitals is a code, which keeps its case, as its hyphen beside a digit.
_CODE = re.compile(r"\d|[A-Z][A-Z]")
_JOINT = re.compile(r"_|(?<!\d)-(?!\d)")
# Before one of these, a size is written "medium-sized": "a medium-sized small vehicle".
_SIZES = ("small", "medium", "large", "very")


def spaced(name: str) -> str:
    """Return a name in the form of a word in a sentence: `expressway service area` for `Expressway-Service-area`."""
    words = _JOINT.sub(" ", name).split()
    return " ".join(word if _CODE.search(word) else word.lower() for word in words)


@dataclass(frozen=True)
class Category:
    """A category and its words.

    Attributes:
        name: its name in the annotations.
        say: the word for it in sentences, in the singular, and its class label; default: the name, spaced.
        many: the plural; default: `say` with an s.
        article: `a` or `an`; default: by the first letter.
        also: further words for it, in the singular, that an answer or an annotation may use.
        group: a wider term; not used in wordings.
        ignore: whether its boxes are left out.
    """

    name: str
    say: str = ""
    many: str = ""
    article: str = ""
    also: tuple[str, ...] = ()
    group: str = ""
    ignore: bool = False

    def __post_init__(self) -> None:
        """Fill in the words."""
        say = self.say or spaced(self.name)
        object.__setattr__(self, "say", say)
        object.__setattr__(self, "many", self.many or f"{say}s")
        object.__setattr__(self, "article", self.article or ("an" if say[:1].lower() in "aeiou" else "a"))
        object.__setattr__(self, "also", tuple(self.also))

    @property
    def words(self) -> list[str]:
        """All words for it in answers, the names in the annotations included."""
        return [self.say, self.many, *self.also, self.name]


@dataclass(frozen=True)
class Shares:
    """How one split is divided into three, by a keyed hash: the same on every machine, whatever else is there.

    Attributes:
        validation: the share of the split `validation`, from 0 to 1; the rest is `train`.
        test: the share of the split `test`.
        by: what stays together: an `image`; images whose names begin alike, up to `separator` (`prefix`), as tiles of
            one original do; or those of one annotation `file`.
        separator: where the common beginning of names ends, for `prefix`.
    """

    validation: float = 0.0
    test: float = 0.0
    by: str = "image"
    separator: str = "__"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that get a share."""
        return ("train", *(name for name in ("validation", "test") if getattr(self, name)))

    def split_of(self, image: str, file: str) -> str:
        """Return the split of an image, given its file name, and the name of its annotation file."""
        key = {"image": stem(image), "prefix": self._prefix(image), "file": file}[self.by]
        digest = hashlib.blake2b(key.encode(), key=b"sarchat split", digest_size=8).digest()
        place = int.from_bytes(digest, "big") / 2**64
        if place < self.test:
            return "test"
        return "validation" if place < self.test + self.validation else "train"

    def _prefix(self, image: str) -> str:
        head, slash, name = stem(image).rpartition("/")
        return head + slash + name.partition(self.separator)[0]


@dataclass(frozen=True)
class CorpusInfo:
    """A corpus as the rest of the project sees it; a class label is an index into its categories that are not ignored.

    Attributes:
        name: the corpus's name, as shown.
        categories: its categories.
        nouns: how wordings name the image, the sensor and the signal; the keys are those of `modalities.yaml`.
        homepage: where it is from; empty if unknown.
        license: its licence, as the Hub abbreviates it; empty if unknown.
        citation: how to cite it; empty if unknown.
        tags: tags for the dataset card, such as the kind of images.
        root: its folder, zip or URL; empty if the description does not say it.
        format: the format of its labels; empty if it is to be found.
        options: the options of the format, for all splits.
        boxes: one of `BOXES`: what the boxes in the conversations are; in a description, `oriented` says that the
            corners in the labels are read.
        difficult: what to do with boxes that are marked as difficult, see `clean`.
        splits: for each split, where its labels are: the attributes of `SplitLabels`; empty if they are to be found.
        split: how the split `train`, or the only one, is divided; `None` if it is not.
    """

    name: str
    categories: tuple[Category, ...]
    nouns: tuple[tuple[str, str], ...]
    homepage: str = ""
    license: str = ""
    citation: str = ""
    tags: tuple[str, ...] = ()
    root: str = ""
    format: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    boxes: str = BOXES[0]
    splits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    split: Shares | None = None
    difficult: str = DIFFICULT_CHOICES[0]

    @property
    def oriented(self) -> bool:
        """Whether the boxes in the conversations are oriented."""
        return self.boxes == "oriented"

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes alone: what was computed from them is not sent to other processes."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __hash__(self) -> int:
        """Return the hash of what wordings use, computed once: they are looked up by corpus for every image."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.categories, self.nouns))

    @cached_property
    def targets(self) -> tuple[Category, ...]:
        """The categories that are not ignored, in the order of their class labels."""
        return tuple(category for category in self.categories if not category.ignore)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The categories' words in the singular: the class labels, in order."""
        return tuple(category.say for category in self.targets)

    @cached_property
    def plurals(self) -> tuple[str, ...]:
        """The categories' plurals, in order."""
        return tuple(category.many for category in self.targets)

    @cached_property
    def with_article(self) -> tuple[str, ...]:
        """The categories' words with their article, in order: `"an aircraft"`."""
        return tuple(f"{category.article} {category.say}" for category in self.targets)

    @cached_property
    def size_suffixes(self) -> tuple[str, ...]:
        """What a size ends with before the category's word, in order: nothing, but "medium-sized small vehicle"."""
        return tuple("-sized" if name.split()[0].lower() in _SIZES else "" for name in self.names)

    @cached_property
    def label_of(self) -> Mapping[str, int]:
        """The class label of each word for a category, singular or plural, in lower case, and of its names in labels.

        It is `LEFT_OUT` of the names of an ignored category.
        """
        words: dict[str, int] = {}
        for label, category in reversed([*enumerate(self.targets)]):
            for word in category.also:
                words |= {word.lower(): label, f"{word.lower()}s": label}
        for label, category in enumerate(self.targets):
            say = category.say.lower()
            words |= {f"{say}s": label, category.many.lower(): label, say: label}
        labels = {category.name: label for label, category in enumerate(self.targets)}
        for category in self.categories:
            label, name = labels.get(category.name, LEFT_OUT), category.name.lower()
            words |= {name: label} | {spaced(name): label}
        return words

    @cached_property
    def words(self) -> list[dict[str, Any]] | None:
        """The categories with their words, as the metric takes them; `None` if they are its own, SARDet-100K's."""
        # Imported here: its libraries take longer than all others.
        from sarchat_metric import CATEGORIES

        if self.categories == known_corpus(DEFAULT).categories and self.names == CATEGORIES:
            return None
        return [
            {
                "name": category.say,
                "many": category.many,
                "article": category.article,
                "also": [*category.also, *([category.name] if _is_other_word(category) else [])],
            }
            for category in self.targets
        ]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the categories, compiled for the metric."""
        # Imported here: its libraries take longer than all others.
        from sarchat_metric import vocabulary

        return vocabulary(self.words)

    def as_data(self) -> dict[str, Any]:
        """Return plain data that `parse_info` reads back, without `root`, and without what is not given."""
        given = {key: value for key, value in asdict(self).items() if value and key != "root"}
        for key, choices in _CHOICES.items():
            if given[key] == choices[0]:
                del given[key]
        categories = [_without_defaults(category) for category in self.categories]
        return given | {"categories": categories, "nouns": dict(self.nouns), "tags": list(self.tags)}


def _is_other_word(category: Category) -> bool:
    """Return whether an answer may use the name in the annotations, which differs from the word in sentences."""
    return spaced(category.name) != category.say and not re.search(r"[{}<>|\[\].!?;]|^\W*$", category.name)


def _without_defaults(category: Category) -> dict[str, Any]:
    data = asdict(category) | {"also": list(category.also)}
    if category.say == spaced(category.name):
        del data["say"]
    return {key: value for key, value in data.items() if key not in ("group", "ignore") or value}


def parse_info(data: Mapping[str, Any], place: str) -> CorpusInfo:
    """Return a corpus from a description: the content of its YAML file, or what `CorpusInfo.as_data` returned.

    Args:
        data: the description. `modality` names the entry of `modalities.yaml` that `nouns` is added to.
        place: the file, for messages.

    Raises:
        SARChatError: if a key is unknown, or a value missing or wrong.
    """
    _check_keys(data, {field.name for field in fields(CorpusInfo)} | {"modality"}, {"name", "categories"}, place)
    modalities = modality_nouns()
    modality = modalities[_choose(data, "modality", tuple(modalities), place)]
    nouns = _parse_mapping(data.get("nouns"), f"{place}: nouns")
    _check_keys(nouns, set(modality), set(), f"{place}: nouns")
    entries = data["categories"]
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise SARChatError(f"{place}: categories must be a list of entries such as {{name: ship, many: ships}}")
    categories = tuple(_parse_category(entry, f"{place}: category {number}") for number, entry in enumerate(entries))
    _check_words(categories, place)
    texts = {key: str(data.get(key) or "") for key in ("name", "homepage", "license", "citation", "root", "format")}
    for key in _TEXTS:
        if texts[key] or key == "name":
            check_text(key, texts[key], f"{place}: {key}")
    return CorpusInfo(
        **texts,
        categories=categories,
        nouns=tuple((modality | nouns).items()),
        tags=tuple(map(str, data.get("tags") or ())),
        options=_parse_mapping(data.get("options"), f"{place}: options"),
        **{key: _choose(data, key, choices, place) for key, choices in _CHOICES.items()},
        splits=_parse_splits(data.get("splits"), place),
        split=_parse_shares(data["split"], f"{place}: split") if data.get("split") else None,
    )


def _choose(data: Mapping[str, Any], key: str, choices: Sequence[str], place: str) -> str:
    """Return the value of a key that has choices, by default the first."""
    value = data.get(key) or choices[0]
    if value not in choices:
        known = ", ".join(filter(None, choices))
        raise SARChatError(f"{place}: {key} is {value!r}{near(str(value), choices)}; choose from {known}")
    return str(value)


def check_text(key: str, text: str, place: str) -> None:
    """Refuse a text that cannot stand in a card.

    Args:
        key: which key of a description it could be the value of, one of `_TEXTS`.
        text: the text.
        place: what it was given as, for the message.

    Raises:
        SARChatError: if it cannot.
    """
    fits, wanted = _TEXTS[key]
    if not fits(text):
        raise SARChatError(f"{place} is {text!r}, not {wanted}")


def _parse_category(entry: Any, place: str) -> Category:  # noqa: ANN401
    # A name that is a number is one in YAML.
    if type(entry) in (str, int):
        entry = {"name": entry}
    _check_keys(entry, {field.name for field in fields(Category)}, {"name"}, place)
    also = entry.get("also") or ()
    # A text would be taken for the list of its letters.
    if not isinstance(also, (list, tuple)) or not all(isinstance(word, str) for word in also):
        raise SARChatError(f"{place}: also must be a list of words, such as [vessel, boat], not {str(also)[:80]!r}")
    ignore = entry.get("ignore", False)
    if not isinstance(ignore, bool):
        raise SARChatError(f"{place}: ignore is {ignore!r}, not true or false")
    article = _choose(entry, "article", ("", "a", "an"), place)
    texts = {key: " ".join(str(entry.get(key) or "").split()) for key in ("say", "many", "group")}
    name = str(entry["name"]).strip()
    if not name:
        raise SARChatError(f"{place}: the name is empty; give the name that the annotations use")
    return Category(name, **texts, article=article, also=tuple(also), ignore=ignore)


def _check_words(categories: Sequence[Category], place: str) -> None:
    """Refuse words that several categories share, and those that answers cannot use."""
    owner: dict[str, Category] = {}
    names: set[str] = set()
    for category in categories:
        if category.name.lower() in names:
            raise SARChatError(f"{place}: the category {category.name!r} is listed twice; list it once")
        names.add(category.name.lower())
    for category in categories:
        for word in [category.name] if category.ignore else category.words:
            found = _NO_WORD.search(word)
            if found and word is not category.name:
                raise SARChatError(
                    f"{place}: category {category.name!r} is called {word!r}, but {found.group()!r} cannot stand in a "
                    "sentence; give another word as say, and its plural as many"
                )
            other = owner.setdefault(word.lower(), category)
            if other is not category:
                raise SARChatError(
                    f"{place}: the categories {other.name!r} and {category.name!r} are both called {word!r}; give each "
                    "its own words as say, many and also, or list one of them as a word of the other"
                )
    if all(category.ignore for category in categories):
        raise SARChatError(f"{place}: all categories are to be ignored; list one that is a target")


def _parse_splits(data: Any, place: str) -> dict[str, dict[str, Any]]:  # noqa: ANN401
    splits: dict[str, dict[str, Any]] = {}
    for given, entry in _parse_mapping(data, f"{place}: splits").items():
        split, where = split_name(str(given)), f"{place}: splits: {given}"
        if split not in SPLITS:
            raise SARChatError(f"{where} is no split{near(str(given), SPLITS)}; choose from {', '.join(SPLITS)}")
        if split in splits:
            raise SARChatError(f"{where}: this split is given twice; give it once")
        files = {"labels": entry} if isinstance(entry, str) else entry
        _check_keys(files, {"labels", "images", "listed", "format", "options"}, {"labels"}, where)
        for key in files.keys() - {"options"}:
            path = str(files[key] or "")
            if key != "format" and (path.startswith("/") or ".." in path.split("/")):
                raise SARChatError(f"{where}: {key} is {path!r}, which is not inside the corpus; give a path in it")
        texts = {key: str(files[key]).rstrip("/") for key in ("labels", "images", "listed", "format") if files.get(key)}
        options = _parse_mapping(files.get("options"), f"{where}: options")
        splits[split] = texts | ({"options": options} if options else {})
    return splits


def _parse_mapping(data: Any, place: str) -> dict[str, Any]:  # noqa: ANN401
    if data is not None and not isinstance(data, Mapping):
        raise SARChatError(f"{place} must have keys and values, not {str(data)[:80]!r}")
    return dict(data or {})


def _parse_shares(data: Mapping[str, Any], place: str) -> Shares:
    _check_keys(data, {field.name for field in fields(Shares)}, set(), place)
    shares = {}
    for key in ("validation", "test"):
        share = data.get(key, 0)
        if type(share) not in (int, float) or not 0 <= share < 1:
            raise SARChatError(f"{place}: {key} is {share!r}, not a share from 0 to 1 such as 0.1")
        shares[key] = float(share)
    if not 0 < sum(shares.values()) < 1:
        raise SARChatError(f"{place}: validation and test are {sum(shares.values()):g} in all, not between 0 and 1")
    by = _choose(data, "by", ("image", "prefix", "file"), place)
    return Shares(**shares, by=by, separator=str(data.get("separator") or "__"))


def _check_keys(data: object, known: set[str], required: set[str], place: str) -> None:
    if not isinstance(data, Mapping):
        raise SARChatError(f"{place} must have keys and values, not {str(data)[:80]!r}")
    for key in data:
        if key not in known:
            hint = near(str(key), known)
            raise SARChatError(f"{place}: unknown key {key!r}{hint}; the keys are {', '.join(sorted(known))}")
    for key in sorted(required - data.keys()):
        raise SARChatError(f"{place}: the key {key!r} is missing")


def modality_nouns() -> dict[str, dict[str, str]]:
    """Return the nouns for the images of each modality."""
    nouns: dict[str, dict[str, str]] = read_yaml(f"{_KNOWN}/{_MODALITIES}.yaml")
    return nouns


@cache
def known_names() -> tuple[str, ...]:
    """Return the names of the included descriptions, sorted."""
    found = (path.name for path in files("builders").joinpath(_KNOWN).iterdir())
    names = (name.removesuffix(".yaml") for name in found if name.endswith(".yaml"))
    return tuple(sorted(name for name in names if name != _MODALITIES))


@cache
def known_corpus(name: str) -> CorpusInfo:
    """Return an included corpus, by the name of its file."""
    return parse_info(known_data(name), f"{name}.yaml")


def known_data(name: str) -> dict[str, Any]:
    """Return the content of an included description."""
    data: dict[str, Any] = read_yaml(f"{_KNOWN}/{name}.yaml")
    return data


def is_checked(name: str) -> bool:
    """Return whether an included description was compared with label files of its corpus."""
    return not read_text(f"{_KNOWN}/{name}.yaml", "builders").startswith(UNCHECKED)


def is_description(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is that of a description of a corpus: a file with the suffix of YAML."""
    return os.fspath(path).lower().endswith(_YAML) and not Path(path).is_dir()


def read_corpus(file: str | os.PathLike[str]) -> CorpusInfo:
    """Return a corpus by the name of an included description, or read the YAML file that describes it.

    Its `root` is absolute, or a URL.

    Raises:
        SARChatError: if there is no such file, or it is wrong.
    """
    text = os.fspath(file)
    path = Path(text).expanduser()
    if text in known_names():
        return known_corpus(text)
    if not path.is_file():
        wanted = "give a YAML file that describes the corpus: its name and categories"
        raise SARChatError(f"{path}: no such file{near(text, known_names())}; {wanted}, or one of `sarchat corpora`")
    if path.stat().st_size > _MOST_BYTES:
        raise SARChatError(f"{path} has more than {_MOST_BYTES:,} bytes; a description of a corpus is shorter")
    try:
        text = path.read_text(encoding="utf-8")
        content = load_foreign_yaml(text)
    except ValueError as error:
        raise SARChatError(f"{path}: {error}") from error
    if repeated := find_repeated_key(text):
        raise SARChatError(f"{path}: the key {repeated!r} is given twice in one place; give it once")
    if isinstance(content, Mapping) and "categories" not in content and content.keys() & {"names", "nc", "train"}:
        raise SARChatError(
            f"{path} is the data.yaml of a YOLO data set, not the description of a corpus; give its folder"
        )
    info = parse_info(content, str(path))
    try:
        _ = info.vocabulary
    except ValueError as error:
        raise SARChatError(f"{path}: {error}") from error
    root = info.root if "://" in info.root else str(path.absolute().parent / Path(info.root).expanduser())
    return replace(info, root=root)
