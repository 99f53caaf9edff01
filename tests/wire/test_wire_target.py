"""Targets: one meaning each, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadRequest
from gateway.wire.target import split_authority, split_service


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"/v1/llm/x?y", (None, b"/v1/llm/x?y")),
        (b"http://h/v1/llm", (b"h", b"/v1/llm")),
        (b"HTTPS://h:1/", (b"h:1", b"/")),
        (b"http://h", (b"h", b"/")),
        (b"http://h?x", (b"h", b"/?x")),
        (b"http://[::1]:80/x", (b"[::1]:80", b"/x")),
        (b"//h/x", (None, b"//h/x")),
    ],
)
def test_authority_is_split_off(target: bytes, parts: tuple[bytes | None, bytes]) -> None:
    assert split_authority(target) == parts


@pytest.mark.parametrize(
    "target", [b"*", b"h:80", b"x", b"ftp://h/", b"http:/h", b"http:///x", b"http://u@h/", b"http://h h/"]
)
def test_what_is_neither_origin_nor_absolute_form_is_refused(target: bytes) -> None:
    with pytest.raises(BadRequest):
        split_authority(target)


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"/v1/llm/x", ("llm", b"/x")),
        (b"/v1/llm", ("llm", b"")),
        (b"/v1/llm?x=/../", ("llm", b"?x=/../")),
        (b"/v1/a-b_9/%41//", ("a-b_9", b"/%41//")),
        (b"/", ("", b"")),
        (b"/v1/", ("", b"")),
        (b"/v1/-a/x", ("", b"")),
        (b"/v1/a.b/x", ("", b"")),
        (b"/v1/" + b"a" * 64, ("", b"")),
    ],
)
def test_service_is_split_off(target: bytes, parts: tuple[str, bytes]) -> None:
    assert split_service(target) == parts


@pytest.mark.parametrize("segment", [b".", b"..", b"%2e", b"%2E.", b".%2e", b"%2e%2E"])
@pytest.mark.parametrize(
    "around",
    [
        b"/v1/llm/%b",
        b"/v1/llm/%b/x",
        b"/v1/llm/a%%2f%b",
        b"/v1/llm/%b;a/b",
        b"/v1/llm/%b%%2Fx",
        b"/%b/v1/llm",
        b"/v1/llm/%b?q",
    ],
)
def test_dot_segments_are_refused_however_spelled(segment: bytes, around: bytes) -> None:
    with pytest.raises(BadRequest):
        split_service(around % segment)


@pytest.mark.parametrize(
    "path",
    [b"/v1/llm/a..b", b"/v1/llm/...", b"/v1/llm/.a", b"/v1/llm/a.", b"/v1/llm/%252e%252e/x", b"/v1/llm/x?..\\%00"],
)
def test_what_only_looks_like_one_is_not(path: bytes) -> None:
    assert split_service(path) == ("llm", path.removeprefix(b"/v1/llm"))


@given(st.text(alphabet="/.%2e5cfF;?#\\ab0", max_size=12))
def test_paths_that_pass_mean_the_same_to_whoever_normalises_them(text: str) -> None:
    """Decoding and resolving dot segments, which the gateway never does, would change nothing."""
    target = b"/v1/llm/" + text.encode()
    try:
        service, rest = split_service(target)
    except BadRequest:
        return
    assert (service, rest) == ("llm", target.removeprefix(b"/v1/llm"))
    path = rest.partition(b"?")[0].lower()
    decoded = path.replace(b"%2e", b".").replace(b"%2f", b"/").replace(b"%5c", b"\\").replace(b"\\", b"/")
    assert not any(segment.partition(b";")[0] in (b".", b"..") for segment in decoded.split(b"/"))
    assert b"\\" not in path
