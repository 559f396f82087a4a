"""The pages on watching sessions list every log line, and their snippets do what they say."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import flask_serversession
from flask_serversession.sessions import life

from .test_code_blocks import blocks_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "howto" / "watch.rst"
MEASURE_PAGE = ROOT / "docs" / "howto" / "measure.rst"
LOG_PAGE = ROOT / "docs" / "howto" / "log-of-sessions.rst"

_LOGS = re.compile(r"\b(_?log(ger)?\.(info|warn|warning|error)|_warn(_once)?)$")


def logged_texts() -> Iterator[str]:
    """Yield the text of each line that the package logs, with "…" for what differs."""
    paths = Path(flask_serversession.__file__).parent.rglob("*.py")
    modules = [ast.parse(path.read_text("utf-8")) for path in paths]
    imported = {name: value for tree in modules for name, value in constants_of(tree)}
    for tree in modules:
        constants = imported | dict(constants_of(tree))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and is_logging(call):
                for argument in call.args:
                    is_name = isinstance(argument, ast.Name)
                    yield from text_of(constants.get(argument.id) if is_name else argument)


def constants_of(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def is_logging(call: ast.Call) -> bool:
    return any(_LOGS.search(ast.unparse(part)) for part in (call.func, *call.args))


def text_of(expression: ast.expr | None) -> Iterator[str]:
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        yield re.sub(r"%\w", "…", expression.value)
    elif isinstance(expression, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "…"
            for part in expression.values
        )


LINES = sorted(set(logged_texts()))


@pytest.mark.parametrize("line", LINES, ids=[line[:40] for line in LINES])
def test_a_line_that_is_logged_is_on_the_page(line: str) -> None:
    documented = re.findall(r"``(.+?)``", PAGE.read_text("utf-8"))

    assert any(line.startswith(beginning) for beginning in documented)


def test_the_lines_are_found() -> None:
    assert len(LINES) > 20


def run(script: str, folder: Path, *pages: Path) -> None:
    """Run pages and then this script, in a process whose settings they may change."""
    source = "\n".join(block.source for page in pages for block in blocks_of(page))
    command = [sys.executable, "-W", "error", "-c", f"{source}\n{script}"]
    env = {"PYTHONPATH": str(ROOT), "HOME": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_log_of_sessions_has_the_lines_and_members_of_the_page(tmp_path: Path) -> None:
    run(
        """
from flask import Flask
from flask_serversession import ServerSession, session

app = Flask("shop")
app.secret_key = "only for this test, and long enough"
ServerSession(app)

def log_out():
    session.log_out()
    return ""

def visit():
    session["cart"] = ["tea"]
    return ""

def log_in():
    session.log_in("ada")
    return ""

browser = app.test_client()
for view in (visit, log_in, log_out):
    app.add_url_rule(f"/{view.__name__}", view_func=view)
for view in (visit, log_in, log_out):
    browser.get(f"/{view.__name__}")
""",
        tmp_path,
        LOG_PAGE,
    )
    shown = re.findall(r"^    (\{.*\})$", LOG_PAGE.read_text("utf-8"), re.M)
    written = (tmp_path / "sessions.log").read_text("utf-8").splitlines()

    def what_is_stable(line: str) -> list[object]:
        event = json.loads(line)
        return [list(event), event["event"], event.get("by"), event.get("reason")]

    assert list(map(what_is_stable, written)) == list(map(what_is_stable, shown))


def test_each_event_of_the_log_of_sessions_is_on_the_page() -> None:
    page = LOG_PAGE.read_text("utf-8")
    events = {*life._EVENTS.values(), *life._MEMBERS}

    assert len(events) > 5
    assert [event for event in events if f"\n``{event}``" not in page] == []


_VISITS = """
from flask_serversession import session
from flask_serversession import StoreUnavailable

@app.get("/")
def index():
    session.log_in("ada")
    return ""

@app.get("/read")
def read():
    return str(session.user_id)

@app.get("/write")
def write():
    session["card"] = CARD
    return ""

import secrets
CARD = secrets.token_hex()
browser = app.test_client()
browser.get("/")
assert browser.get("/read").text == "ada"
"""


@pytest.mark.slow
def test_prometheus_counts_events_and_times_the_store(tmp_path: Path) -> None:
    run(
        _VISITS
        + """
from prometheus_client import REGISTRY

def value(name, **labels):
    return REGISTRY.get_sample_value(name, labels)

assert value("session_events_total", event="login") == 1
assert value("session_events_total", event="unknown cookie") is None
manager_of(app).clear()
browser.get("/read")
assert value("session_events_total", event="unknown cookie") == 1
assert value("session_store_seconds_count", method="create") == 1
assert value("session_store_seconds_count", method="load") == 2
assert value("session_store_seconds_count", method="touch") is None
""",
        tmp_path,
        MEASURE_PAGE,
    )


@pytest.mark.slow
def test_each_call_to_the_store_is_a_span(tmp_path: Path) -> None:
    run(
        """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
"""
        + _VISITS
        + """
names = [span.name for span in spans.get_finished_spans()]
assert names == ["session create", "session load"], names
assert not any(span.attributes for span in spans.get_finished_spans())
""",
        tmp_path,
        MEASURE_PAGE,
    )


_SENT = """
def fail(key, record, replacing):
    try:
        raise ValueError(f"cannot store {record.payload}")
    except ValueError as error:
        raise StoreUnavailable("The store is down.") from error

manager_of(app).store.save = fail

from sentry_sdk.transport import Transport

class Keeping(Transport):
    sent = b""

    def capture_envelope(self, envelope):
        Keeping.sent += envelope.serialize()

OPTIONS = {"include_local_variables": False, "before_send": without_data}
sentry_sdk.init("https://key@sentry.example/1", transport=Keeping(), **OPTIONS)
"""


@pytest.mark.slow
def test_an_event_of_sentry_has_no_data_of_the_session(tmp_path: Path) -> None:
    run(
        _SENT
        + _VISITS
        + """
assert browser.get("/write").status_code == 500
sentry_sdk.flush()
assert b"The store is down." in Keeping.sent
assert CARD.encode() not in Keeping.sent
""",
        tmp_path,
        MEASURE_PAGE,
        PAGE,
    )


@pytest.mark.slow
@pytest.mark.parametrize("option", ["include_local_variables", "before_send"])
def test_without_either_option_an_event_of_sentry_has_data(tmp_path: Path, option: str) -> None:
    run(
        _SENT.replace("\nsentry_sdk.init", f"\ndel OPTIONS[{option!r}]\nsentry_sdk.init")
        + _VISITS
        + """
browser.get("/write")
sentry_sdk.flush()
assert CARD.encode() in Keeping.sent
""",
        tmp_path,
        MEASURE_PAGE,
        PAGE,
    )
