"""The architecture page shows the package's files and the order of its imports."""

from __future__ import annotations

import re
from pathlib import Path

import flask_serversession

ROOT = Path(__file__).parents[2]
PACKAGE = Path(flask_serversession.__file__).parent
PAGE = (ROOT / "docs" / "explanation" / "architecture.rst").read_text("utf-8")


def shown_files() -> set[str]:
    """Return the paths in the page's tree, put together from its indentation."""
    tree = PAGE.partition("   flask_serversession/\n")[2].partition("\n\n")[0]
    folders: list[str] = []
    files = set()
    for line in tree.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2 - 2
        folders[depth:] = [name]
        if not name.endswith("/"):
            files.add("".join(folders))
    return files


def test_the_tree_shows_every_file_and_no_other() -> None:
    found = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    # Most __init__ files are empty, or only import.
    optional = {path for path in found if path.endswith("__init__.py")}

    assert shown_files() <= found
    assert shown_files() | optional == found


def test_the_order_of_imports_is_the_one_that_lint_imports_checks() -> None:
    checked = (ROOT / "pyproject.toml").read_text("utf-8").partition("layers = [")[2]
    layers = re.findall(r'"(.+)"', checked.partition("]")[0])

    sentence = PAGE.partition("``lint-imports`` checks it:")[2].partition(".\n")[0]

    assert [re.findall(r"``(\w+)``", floor) for floor in sentence.split("→")] == [
        layer.split(" | ") for layer in layers
    ]
