"""The process's own figures, as they stand in the exposition."""

import os

from prometheus_client.parser import text_string_to_metric_families

from gateway.observe.metrics import Metrics
from gateway.observe.process import add_process
from gateway.observe.tallies import Tallies


async def figures() -> dict[str, float]:
    metrics = Metrics(Tallies(), "1")
    add_process(metrics, 1790000000.0)
    page = b"".join([piece async for piece in metrics.exposition()[0]])
    families = text_string_to_metric_families(page.decode())
    return {sample.name: sample.value for family in families for sample in family.samples if "process_" in sample.name}


async def test_figures_are_those_of_this_process() -> None:
    before = await figures()
    assert before["process_start_time_seconds"] == 1790000000.0
    assert 10 << 20 < before["process_resident_memory_bytes"] < 4 << 30
    assert 0 < before["process_cpu_seconds_total"] < 3600
    assert 0 < before["process_open_fds"] < before["process_max_fds"]


async def test_open_descriptor_is_counted() -> None:
    before = await figures()
    ends = os.pipe()
    try:
        after = await figures()
        assert after["process_open_fds"] == before["process_open_fds"] + 2
    finally:
        for end in ends:
            os.close(end)


async def test_cpu_time_grows() -> None:
    before = await figures()
    sum(number * number for number in range(1_000_000))
    assert (await figures())["process_cpu_seconds_total"] > before["process_cpu_seconds_total"]
