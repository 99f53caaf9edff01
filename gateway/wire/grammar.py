"""The grammar of HTTP/1.1 heads, as far as the wire checks it itself (RFC 9110 and 9112)."""

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
QUOTED = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
FIELD_LINE = re.compile(rb"(" + TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*+)")
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]++) HTTP/1\.([01])")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*+))?")

# What a head that is still arriving may not hold: control bytes, CR or LF alone, a folded line. Its last byte may
# be the CR of a CRLF. (A whole head meets its parser, which refuses all of these.)
ODD_BYTES_SO_FAR = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n|\Z)|(?<!\r)\n|\r\n[ \t]")

HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(?::[0-9]{0,5})?")
DIGITS = re.compile(rb"[0-9]{1,18}")
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# The fields whose values name one request, so that they differ in heads that are the same but for them.
OWN = {b"x-request-id": REQUEST_ID, b"traceparent": TRACEPARENT}
OWN_OF_REPLIES = {b"x-request-id": REQUEST_ID}  # which never pass
# RFC 9110, section 7.6.3: our own pseudonym among the received-by of a Via.
OWN_VIA = re.compile(rb"(?:\A|,)[ \t]*[^ \t,]+[ \t]+ai-api-gateway[ \t]*(?=[(,]|\Z)", re.IGNORECASE)

LARGEST_HEAD = 65536
LONGEST_FIELD = 16384
MOST_FIELDS = 128


def empty_lines(data: bytes) -> int:
    """How many bytes at the beginning of `data` are empty lines; 0 when a CR or LF stands alone among them.

    A regular expression needs memory for each of them, and one read may hold 128,000.
    """
    pairs = (len(data) - len(data.lstrip(b"\r\n"))) // 2
    return 2 * pairs if data.startswith(b"\r\n" * pairs) else 0
