"""All other log lines: the standard library's loggers, in the same notation and through the same sink."""

import logging
from typing import Any

from pythonjsonlogger.orjson import OrjsonFormatter

from gateway.config.tree import Log
from gateway.observe.notation import Stamp, encodable, one_line
from gateway.observe.sink import Sink


class LineHandler(logging.Handler):
    """Formats where the line is logged, which is rare and cheap, and lets the sink write."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._sink.write(self.format(record).encode("utf-8", "backslashreplace") + b"\n")
        except Exception:  # noqa: BLE001 - as in the standard library: a line that cannot be written harms nobody
            self.handleError(record)


class JsonLines(OrjsonFormatter):
    """`time`, `level`, `logger`, `message`, then what was passed as `extra`, and `exc_info` with the traceback."""

    def __init__(self) -> None:
        super().__init__(
            ["asctime", "levelname", "name", "message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
        self._stamp = Stamp()

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return self._stamp.at(record.created).decode()

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        clean = {name: encodable(value) if isinstance(value, str) else value for name, value in log_data.items()}
        return clean | {"level": clean["level"].lower()}


class TextLines(logging.Formatter):
    """One line for a person, and a traceback below it if there is one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._stamp = Stamp()

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return self._stamp.at(record.created).decode()

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return one_line(super().formatMessage(record))


FORMATTERS: dict[str, type[JsonLines | TextLines]] = {"json": JsonLines, "text": TextLines}


def setup(options: Log, sink: Sink) -> None:
    """Send what any logger says at `options.level` or above to `sink`; may be called again with other options."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, LineHandler):
            root.removeHandler(handler)
    handler = LineHandler(sink)
    handler.setFormatter(FORMATTERS[options.format]())
    root.addHandler(handler)
    root.setLevel(options.level.upper())
    logging.captureWarnings(True)
