"""Properties are the same examples in every run: a suite that fails, fails for everybody. `make fuzz` looks further."""

import gc
import importlib
import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

# Used from several folders, so before the first of them imports it.
pytest.register_assert_rewrite("gateway_process")

# What schemathesis' plugin imports when a session ends, and pytest then parses. CPython 3.11 loses count (SystemError)
# when the collector runs while a syntax tree is built: here there is no garbage yet. Allure is not installed at all.
sys.modules["schemathesis.reporting.allure"] = None  # type: ignore[assignment]
gc.disable()
importlib.import_module("schemathesis.reporting.html.writer")
importlib.import_module("schemathesis.reporting.junitxml")
gc.enable()

# A busy machine makes examples slow, not wrong.
CALM = (HealthCheck.too_slow,)
settings.register_profile("suite", deadline=None, derandomize=True, database=None, suppress_health_check=CALM)
settings.register_profile("fuzz", deadline=None, max_examples=3000, database=None)
settings.load_profile("suite")

HERE = Path(__file__).parent
# What measures time, and holds the gateway to milliseconds: nothing runs beside it, and nothing traces it.
ALONE = (
    "bench/test_bench_run.py",
    "hostile/test_hostile_cost.py",
    "hostile/test_hostile_time.py",
    "process/test_process_events.py",
    "process/test_process_leaving.py",
    "process/test_process_watched.py",
)
# What these run of the gateway, in another process or a hundred thousand times, others run too; a tracer would cost
# time for nothing, and memory where that is measured.
UNTRACED = (
    "auth/test_auth_token_cache.py::test_JW_41_a_hundred_thousand",
    "auth/test_auth_token_cache.py::test_a_hundred_thousand",
    "bench/",
    "fuzz/",
    "hostile/",
    "limit/test_limit_faults.py",
    "limit/test_limit_fleet.py",
    "limit/test_limit_lua.py::test_RL_10",
    "limit/test_limit_many_keys.py",
    "process/test_process_memory.py",
    "ship/",
)
CHILDREN_TRACED = "COVERAGE_PROCESS_CONFIG"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _place(item.path) in ALONE:
            item.add_marker(pytest.mark.alone)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What does not run alone is not even imported where only that is wanted."""
    only_alone = config.getoption("markexpr") == "alone" and collection_path.is_file()
    return True if only_alone and _place(collection_path) not in ALONE else None


def _place(path: Path) -> str:
    return path.relative_to(HERE).as_posix()


def _is_traced(item: pytest.Item) -> bool:
    """A property's examples are not: they go where the other tests went, a hundred times at twice the price."""
    name = f"{_place(item.path)}::{item.name}"
    return not name.startswith(UNTRACED) and item.get_closest_marker("hypothesis") is None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    tracer = Coverage.current()
    if tracer is None or _is_traced(item):
        return (yield)
    tracer.stop()
    children = os.environ.pop(CHILDREN_TRACED)
    try:
        return (yield)
    finally:
        os.environ[CHILDREN_TRACED] = children
        tracer.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test logged may be no text at all, on purpose; a report that goes from process to process has to be."""
    report = yield
    report.sections = [(title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections]
    return report
