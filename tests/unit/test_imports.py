"""What the package imports. import-linter checks its layers."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import flask_serversession

FILES = sorted(Path(flask_serversession.__file__).parent.rglob("*.py"))
#: Modules that run code when they read data.
UNSAFE = {"pickle", "marshal", "shelve", "copyreg", "dill", "cloudpickle"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_imports_a_module_that_runs_code_when_it_reads_data(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])

    assert not imported & UNSAFE


def test_importing_the_package_imports_no_driver_and_no_test_tool() -> None:
    drivers = ["redis", "valkey", "sqlalchemy", "pymongo", "pymemcache", "cachelib"]
    unwanted = [*drivers, "pytest", "hypothesis"]
    code = f"import flask_serversession, sys; print([n for n in {unwanted!r} if n in sys.modules])"

    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert output.stdout.strip() == "[]"
