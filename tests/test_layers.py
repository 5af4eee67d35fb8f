"""The rooms of `builders/`: imports point one way, and a heavy library is imported in one room alone."""

import ast
from functools import cache
from pathlib import Path

import pytest
from support import ROOT

# From the bottom to the top: a room imports only from itself and from rooms of the layers before its own.
LAYERS = (
    {"core"},
    {"corpus"},
    {"tasks", "notation"},
    {"data"},
    {"scoring"},
    {"drawing"},
    {"build", "export", "hub", "predict", "rewards"},
    {"cli"},
)
# Libraries that one place alone imports, so that everything else works and starts without them.
OWNERS = {
    "matplotlib": "drawing/figures",
    "click": "cli",
    "gradio": "hub/page",
    "jinja2": "drawing",
    "openai": "predict",
    "ray": "build/scale",
}
# Files of an export run where they are copied to, and may import every room.
EXPORTED = ROOT / "builders/export/templates"
MODULES = sorted(path for path in (ROOT / "builders").rglob("*.py") if EXPORTED not in path.parents)


def place_of(path: Path) -> str:
    return path.relative_to(ROOT / "builders").with_suffix("").as_posix()


@cache
def imports_of(path: Path) -> set[str]:
    """Return the dotted names that a module imports, wherever in it; `from a import b` may import the module `a.b`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides the room"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_every_room_has_its_place_in_the_order():
    rooms = {place_of(path).partition("/")[0] for path in MODULES} - {"__init__"}
    assert rooms == set().union(*LAYERS), "add the new room to LAYERS, above everything that it imports"


def test_the_layout_page_names_every_room():
    page = (ROOT / "docs/layout.md").read_text(encoding="utf-8")
    rooms = {
        path.name for path in (ROOT / "builders").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert sorted(room for room in rooms - {"__init__.py"} if f"`{room}" not in page) == []


def test_imports_point_down():
    rank = {room: number for number, layer in enumerate(LAYERS) for room in layer} | {"__init__": -1}
    wrong = []
    for path in MODULES:
        room = place_of(path).partition("/")[0]
        imported = {name.split(".")[1] for name in imports_of(path) if name.startswith("builders.")} & rank.keys()
        wrong += [f"{place_of(path)} imports {other}" for other in imported - {room} if rank[other] >= rank[room]]
    assert sorted(wrong) == [], "these rooms do not lie below"


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_has_one_owner(library):
    users = {place_of(path) for path in MODULES if any(name.partition(".")[0] == library for name in imports_of(path))}
    assert users and all(user.startswith(f"{OWNERS[library]}/") for user in users), sorted(users)


def test_the_metric_stands_alone():
    """The metric's file is copied out of the project and runs without it; so does its page, see `tests/hub`."""
    own = {name for name in imports_of(ROOT / "sarchat_metric.py") if name.startswith(("builders", "dataset_card"))}
    assert not own
