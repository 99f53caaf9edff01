"""The corpus: every row, in the order of its suites."""

from corpus import (
    ed_bytes,
    garden,
    h1_framing,
    h1_heads,
    h1_requests,
    h1_upstream,
    h1spec,
    probe_compliance,
    probe_rest,
    probe_smuggling,
)
from corpus.cases import Case

CORPUS: list[Case] = [
    *h1_heads.ROWS,
    *h1_framing.ROWS,
    *h1_requests.ROWS,
    *h1_upstream.ROWS,
    *ed_bytes.ROWS,
    *probe_compliance.ROWS,
    *probe_smuggling.ROWS,
    *probe_rest.ROWS,
    *h1spec.ROWS,
    *garden.ROWS,
]
