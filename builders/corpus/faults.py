"""What in label files cannot be read as it is: counted and named, and an option decides whether it is an error."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from builders.core.errors import SARChatError
from builders.corpus.label_formats import Option

_LOG = logging.getLogger(__name__)
# The places that a message names.
_NAMED = 3
ERROR, SKIP = "error", "skip"


class Fault(NamedTuple):
    """A kind of fault: how it is counted in a build's report, and how a message says that there are some."""

    counted: str
    message: str


UNFIT_ROWS = "unfit_rows"
UNDECLARED_CLASSES = "undeclared_classes"
LABELS_WITHOUT_IMAGE = "labels_without_image"
IMAGES_WITHOUT_LABEL = "images_without_label"
# By the option that decides.
FAULTS = {
    UNFIT_ROWS: Fault("does not fit the format", "boxes that do not fit the format"),
    UNDECLARED_CLASSES: Fault("class id not declared", "boxes with a class id that is not declared"),
    LABELS_WITHOUT_IMAGE: Fault("label: no image", "labels without an image"),
    IMAGES_WITHOUT_LABEL: Fault("image: no label", "images without a label"),
}


def fault_options(*names: str, skipped: tuple[str, ...] = ()) -> dict[str, Option]:
    """Return the options for kinds of faults, by default errors, but for those that are `skipped`."""
    return {
        name: Option(
            SKIP if name in skipped else ERROR, (ERROR, SKIP), f"{FAULTS[name].message}: an error, or left out"
        )
        for name in names
    }


class Faults:
    """Counts the faults of a split's labels."""

    def __init__(self, name: str, options: Mapping[str, Any], tally: Counter[str]) -> None:
        """Start with none.

        Args:
            name: the file or folder of the labels, for messages.
            options: the values of the options of the format.
            tally: takes the numbers, by `Fault.counted`.
        """
        self._name = name
        self._options = options
        self._tally = tally
        self._examples: dict[str, list[str]] = {}

    def add(self, fault: str, example: str, number: int = 1) -> None:
        """Count a fault; the example says where it is, and what is wrong there."""
        self._tally[FAULTS[fault].counted] += number
        examples = self._examples.setdefault(fault, [])
        if len(examples) < _NAMED:
            examples.append(example.removeprefix(self._name).lstrip("/: "))

    def check(self) -> None:
        """Log a warning for those that are left out, and refuse the others.

        Raises:
            SARChatError: if there are others; the message has numbers, examples, and the options that leave them out.
        """
        skipped = [fault for fault in self._examples if self._options[fault] == SKIP]
        if skipped:
            _LOG.warning("%s: left out: %s", self._name, self._list(skipped))
        refused = [fault for fault in self._examples if fault not in skipped]
        if refused:
            go_on = ", ".join(f"{fault}: {SKIP}" for fault in refused)
            raise SARChatError(
                f"{self._name} has {self._list(refused)}; correct the files, or leave these out with the "
                f"option{'s' * (len(refused) > 1)} {go_on} of the label format"
            )

    def _list(self, faults: list[str]) -> str:
        parts = []
        for fault in faults:
            number, examples = self._tally[FAULTS[fault].counted], self._examples[fault]
            more = [f"and {number - len(examples):,} more"] if number > len(examples) else []
            parts.append(f"{FAULTS[fault].message} ({', '.join([*examples, *more])})")
        return "; ".join(parts)
