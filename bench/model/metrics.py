"""What the server tells Prometheus, under the names that vLLM has for it.

Names of vLLM's V1 engine; its `time_per_output_token_seconds` was renamed `inter_token_latency_seconds`. What begins
with `model:` is ours.
"""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bench.model.engine import FINISHED, Engine, Sequence

LONG = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160)
SHORT = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
LABELS = ("model_name", "engine")
HISTOGRAMS = {
    "vllm:time_to_first_token_seconds": ("from the request to its first token", LONG),
    "vllm:inter_token_latency_seconds": ("between two tokens of a request", SHORT),
    "vllm:request_time_per_output_token_seconds": ("mean between tokens, of each finished request", SHORT),
    "vllm:e2e_request_latency_seconds": ("from the request to its last token", LONG),
    "vllm:request_queue_time_seconds": ("from the request until it runs", LONG),
}


class Metrics:
    """Observes tokens as they come; what the engine counts is read when it is asked for."""

    def __init__(self, engine: Engine, model: str) -> None:
        self.unread = 0  # tokens of aborted sequences that were never written to their client
        self._engine = engine
        self._labels = (model, "0")
        self._registry = CollectorRegistry()
        self._registry.register(Counted(self._families))
        self._histograms = {
            name: Histogram(name, text, LABELS, buckets=buckets, registry=self._registry).labels(*self._labels)
            for name, (text, buckets) in HISTOGRAMS.items()
        }
        self._last: dict[Sequence, float] = {}

    def token(self, sequence: Sequence, now: float) -> None:
        """`sequence` has one more token."""
        observe = self._histograms
        before = self._last.pop(sequence, None)
        if before is None:
            observe["vllm:time_to_first_token_seconds"].observe(now - sequence.submitted_at)
            observe["vllm:request_queue_time_seconds"].observe(sequence.admitted_at - sequence.submitted_at)
        else:
            observe["vllm:inter_token_latency_seconds"].observe(now - before)
        if sequence.state != FINISHED:
            self._last[sequence] = now
            return
        observe["vllm:e2e_request_latency_seconds"].observe(now - sequence.submitted_at)
        if sequence.output > 1:
            mean = (now - sequence.first_at) / (sequence.output - 1)
            observe["vllm:request_time_per_output_token_seconds"].observe(mean)

    def forget(self, sequence: Sequence, written: int) -> None:
        """`sequence` ended or was given up after `written` tokens had been sent."""
        self._last.pop(sequence, None)
        self.unread += sequence.generated - written

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)

    def _families(self) -> Iterator[Metric]:
        engine, counts = self._engine, self._engine.counts
        for name, value, text in (
            ("vllm:num_requests_running", len(engine.running), "sequences in the batch"),
            ("vllm:num_requests_waiting", len(engine.waiting), "sequences in the queue"),
            ("vllm:kv_cache_usage_perc", engine.usage, "share of the KV memory in use, 1 is all of it"),
        ):
            gauge = GaugeMetricFamily(name, text, labels=LABELS)
            gauge.add_metric(self._labels, value)
            yield gauge
        for name, value, text in (
            ("vllm:prefix_cache_queries", counts.prefix_queries, "prompt tokens looked for in the KV memory"),
            ("vllm:prefix_cache_hits", counts.prefix_hits, "prompt tokens found there"),
            ("vllm:num_preemptions", counts.preemptions, "sequences that made place for older ones"),
            ("vllm:prompt_tokens", counts.prompt_tokens, "prompt tokens read"),
            ("vllm:generation_tokens", counts.generation_tokens, "tokens generated"),
            ("model:requests_aborted", counts.aborted, "requests whose client left"),
            ("model:tokens_for_nobody", self.unread + counts.late_tokens, "tokens generated and not sent to anybody"),
        ):
            counter = CounterMetricFamily(name, text, labels=LABELS)
            counter.add_metric(self._labels, value)
            yield counter
        success = CounterMetricFamily("vllm:request_success", "requests finished", labels=(*LABELS, "finished_reason"))
        success.add_metric((*self._labels, "length"), counts.finished)
        yield success
        yield self._cache_config()

    def _cache_config(self) -> Metric:
        info = GaugeMetricFamily("vllm:cache_config_info", "the KV memory", labels=("block_size", "num_gpu_blocks"))
        setting = self._engine.setting
        info.add_metric((str(setting.block), str(self._engine.cache.capacity)), 1)
        return info


class Counted(Collector):
    """Families made when they are asked for."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return self._families()
