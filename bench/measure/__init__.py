"""The kinds of measurement: a scenario's `kind` is a name here."""

from bench.measure import held, latency, leaving, requests, streams, transfer, users
from bench.measure.base import Kind

KINDS: dict[str, Kind] = {
    "requests": requests.KIND,
    "latency": latency.KIND,
    "streams": streams.KIND,
    "transfer": transfer.KIND,
    "held": held.KIND,
    "leaving": leaving.KIND,
    "users": users.KIND,
}
