"""The rows, by topic."""

from cases import (
    errors,
    forwarded,
    hosts,
    interim,
    persistence,
    replies,
    reply_bodies,
    request_bodies,
    request_headers,
    request_lines,
    targets,
    tunnels,
)

TOPICS = (
    *(request_lines, targets, hosts, request_headers, forwarded, request_bodies),
    *(replies, reply_bodies, interim, persistence, errors, tunnels),
)
CASES = [row for topic in TOPICS for row in topic.ROWS]
