"""The examples of RFC 7515 and RFC 7520, through the gateway's own verification."""

import base64
import json

from auth_tokens import (
    Clock,
    reason,
    token_gate,
    verdict,
)

from gateway.auth.gate import Gate

# RFC 7515, appendix A.1; it has no `sub`, so a good signature shows as "claims".
RFC_7515_KEY = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
RFC_7515_TOKEN = (
    b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    b".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    b".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)
# RFC 7520, section 4.4; its payload is prose, so a good signature shows as "malformed" instead of "signature".
RFC_7520_KEY = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"
RFC_7520_HEADER = b"eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9"
RFC_7520_PAYLOAD = (
    b"SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5k"
    b"IGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
)
RFC_7520_SIGNATURE = b"s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"


def keyed(key: str) -> Gate:
    return token_gate(Clock(1_300_819_000), secrets=[base64.urlsafe_b64decode(key + "==")])


def test_JW_02_the_example_of_rfc_7515_verifies_and_then_lacks_a_subject() -> None:
    assert verdict(keyed(RFC_7515_KEY), RFC_7515_TOKEN) == "claims"
    assert verdict(keyed(RFC_7515_KEY), RFC_7515_TOKEN.replace(b".dBj", b".dBk")) == "signature"
    assert verdict(keyed(RFC_7520_KEY), RFC_7515_TOKEN) == "signature"


def test_JW_02_the_example_of_rfc_7520_verifies_but_is_no_token() -> None:
    token = b".".join((RFC_7520_HEADER, RFC_7520_PAYLOAD, RFC_7520_SIGNATURE))
    assert verdict(keyed(RFC_7520_KEY), token) == "malformed"
    assert verdict(keyed(RFC_7515_KEY), token) == "signature"


def test_JW_02_detached_and_json_forms_are_refused() -> None:
    detached = RFC_7520_HEADER + b".." + RFC_7520_SIGNATURE
    json_form = json.dumps({"payload": "e30", "protected": RFC_7520_HEADER.decode(), "signature": "AA"}).encode()
    for token in (detached, json_form, json_form.replace(b" ", b"")):
        assert reason(keyed(RFC_7520_KEY), b"Bearer " + token) == "malformed"
