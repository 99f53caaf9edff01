"""The sink never makes its caller wait, keeps order, and counts what it gives up."""

import os
import threading

from observe_parts import Pipe

from gateway.observe.sink import Sink


def test_chunks_arrive_whole_and_in_order(pipe: Pipe) -> None:
    for number in range(1000):
        pipe.sink.write(b"line %d\n" % number)
    assert pipe.lines() == [b"line %d" % number for number in range(1000)]
    assert pipe.sink.dropped == 0


def test_chunk_larger_than_the_pipe_arrives_whole(pipe: Pipe) -> None:
    chunk = bytes(range(256)) * 2000 + b"\n"
    pipe.sink.write(chunk)
    assert pipe.read_to_end() == chunk


def test_unread_pipe_costs_bounded_memory_and_lines_are_counted() -> None:
    pipe = Pipe(limit=100_000)
    for _ in range(10_000):
        pipe.sink.write(b"x" * 99 + b"\n")
    # 64 KiB may have left for the pipe's own buffer.
    assert pipe.sink.waiting <= 100_000
    assert 8_000 < pipe.sink.dropped <= 9_000
    pipe.close()


def test_what_was_accepted_arrives_once_somebody_reads(pipe: Pipe) -> None:
    for number in range(50_000):
        pipe.sink.write(b"%099d\n" % number)
    lines = pipe.lines()
    assert 0 < len(lines) == 50_000 - pipe.sink.dropped
    assert [int(line) for line in lines] == sorted(int(line) for line in lines)


def test_non_blocking_stdout_loses_nothing(pipe: Pipe) -> None:
    """A parent or a sibling may have set O_NONBLOCK on the file we share."""
    os.set_blocking(pipe.writing, False)
    pipe.sink.write(b"x" * 500_000 + b"\n")
    assert len(pipe.read_to_end()) == 500_001


def test_closed_reader_costs_lines_only() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    sink = Sink(writing)
    sink.write(b"a\nb\nc\n", 3)
    sink.write(b"d\n")
    sink.close(timeout=10)
    os.close(writing)
    assert sink.dropped == 4
    assert sink.waiting == 0


def test_close_waits_no_longer_than_it_is_told(pipe: Pipe) -> None:
    pipe.sink.write(b"x" * 500_000 + b"\n")
    pipe.sink.close(timeout=0.01)
    assert pipe.sink.waiting > 0


def test_lines_after_close_are_counted_as_dropped(pipe: Pipe) -> None:
    pipe.sink.close()
    pipe.sink.write(b"late\n")
    pipe.sink.close()
    assert pipe.sink.dropped == 1
    assert pipe.read_to_end() == b""


def test_many_threads_may_write(pipe: Pipe) -> None:
    def work(name: int) -> None:
        for _ in range(200):
            pipe.sink.write(b"%d\n" % name * 10, 10)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = pipe.lines()
    assert {lines.count(b"%d" % name) for name in range(4)} == {2000}
