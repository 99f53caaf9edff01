"""The loggers' lines: one JSON object each, in the access log's notation, and never in the way."""

import logging
import warnings
from collections.abc import Iterator

import orjson
import pytest
from observe_parts import Pipe

from gateway.config.tree import Log
from gateway.observe.logs import LineHandler, setup

log = logging.getLogger("gateway.test")


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def json_lines(pipe: Pipe) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in pipe.lines()]


def test_json_line_has_the_fields_of_the_access_log_first(pipe: Pipe) -> None:
    setup(Log(), pipe.sink)
    log.warning("upstream %s is back", "10.0.0.1:8000", extra={"service": "llm"})
    [line] = json_lines(pipe)
    assert str(line.pop("time")).endswith("Z")
    assert list(line.items()) == [
        ("level", "warning"),
        ("logger", "gateway.test"),
        ("message", "upstream 10.0.0.1:8000 is back"),
        ("service", "llm"),
    ]


def test_bug_is_logged_with_its_traceback_on_one_line(pipe: Pipe) -> None:
    setup(Log(), pipe.sink)
    try:
        raise RuntimeError("a bug")
    except RuntimeError:
        log.exception("request failed")
    [line] = json_lines(pipe)
    assert line["level"] == "error"
    assert str(line["exc_info"]).endswith("RuntimeError: a bug")


def test_level_holds_for_every_logger(pipe: Pipe) -> None:
    setup(Log(level="warning"), pipe.sink)
    log.info("quiet")
    logging.getLogger("aiohttp").info("quiet")
    logging.getLogger("aiohttp").warning("loud")
    assert [line["message"] for line in json_lines(pipe)] == ["loud"]


def test_second_setup_replaces_the_first(pipe: Pipe) -> None:
    setup(Log(level="error", format="text"), pipe.sink)
    setup(Log(level="info"), pipe.sink)
    log.info("once")
    assert [line["message"] for line in json_lines(pipe)] == ["once"]
    assert sum(isinstance(handler, LineHandler) for handler in logging.getLogger().handlers) == 1


@pytest.mark.parametrize("format", ["json", "text"])
def test_hostile_message_is_one_line(pipe: Pipe, format: str) -> None:  # noqa: A002
    """A library may log a header value with line ends, escape sequences or surrogates from undecodable bytes."""
    setup(Log(format=format), pipe.sink)
    log.info("bad header %s", "a\n{}\x1b[2J\udcff")
    log.info("next")
    lines = pipe.lines()
    assert len(lines) == 2
    assert b"\x1b" not in lines[0]
    assert b"udcff" in lines[0]


def test_text_line_reads_like_one(pipe: Pipe) -> None:
    setup(Log(format="text"), pipe.sink)
    log.info("listening on %s", "0.0.0.0:8080")
    [line] = pipe.lines()
    assert line.partition(b"Z ")[2] == b"INFO gateway.test: listening on 0.0.0.0:8080"


def test_warnings_of_libraries_are_lines_too(pipe: Pipe) -> None:
    setup(Log(), pipe.sink)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old option", stacklevel=1)
    assert "old option" in str(json_lines(pipe)[0]["message"])


def test_blocked_stdout_delays_no_logger(pipe: Pipe) -> None:
    setup(Log(format="text"), pipe.sink)
    lines = 15_000
    for _ in range(lines):
        log.info("%s", "x" * 100)
    assert pipe.sink.dropped > 0
    assert len(pipe.lines()) + pipe.sink.dropped == lines
