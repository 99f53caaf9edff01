"""The attacks of Wycheproof's json_web_signature and json_web_key vectors, made anew for every verifier there is.

Their tokens carry `foo`, which is no claim, so the classes are forged here with keys and claims of our own.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from auth_stage import standing
from auth_tokens import SECRET, Clock, base64url, encode, forge, request
from joserfc.jwk import OctKey
from scripted_issuer import AUDIENCE, SIGNERS, Key, ScriptedIssuer, ec_key, ed_key, public, rsa_key, sign

from gateway.auth.gate import Gate
from gateway.auth.registry import build
from gateway.auth.scheme_tools import Tools
from gateway.auth.unverified import decode
from gateway.config.tree import Config
from gateway.errors import Unauthenticated
from gateway.runtime import Runtime

KEYS: dict[str, Key | OctKey] = {
    "HS256": OctKey.import_key(SECRET.hex() * 2, {"kid": "oct"}),
    "HS384": OctKey.import_key(SECRET.hex() * 2, {"kid": "oct"}),
    "HS512": OctKey.import_key(SECRET.hex() * 2, {"kid": "oct"}),
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), rsa_key()),
    "ES256": ec_key(),
    "ES384": ec_key("ec-2", "P-384"),
    "ES512": ec_key("ec-3", "P-521"),
    "EdDSA": ed_key(),
}
PUBLIC_KEYED = [name for name in KEYS if not name.startswith("HS")]


class Target:
    """A verifier for tokens of one algorithm, and one of its valid tokens."""

    def __init__(self, gate: Gate, algorithm: str, claims: dict[str, Any]) -> None:
        self.gate = gate
        self.algorithm = algorithm
        self.key = KEYS[algorithm]
        self.claims = claims
        self.token = sign(self.key, algorithm, claims)
        self.header, self.payload, self.signature = self.token.split(b".")

    async def accepts(self, token: bytes) -> bool:
        try:
            await self.gate.authenticate(request(b"Bearer " + token))
        except Unauthenticated:
            return False
        return True


@pytest.fixture(params=[*KEYS, *(f"oidc {name}" for name in PUBLIC_KEYED)])
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Target]:
    """Every algorithm with a secret or a PEM file, and those of public keys with an issuer."""
    mode, _, algorithm = request.param.rpartition(" ")
    key = KEYS[algorithm]
    if mode:
        assert not isinstance(key, OctKey)
        async with ScriptedIssuer(public(key)) as provider, standing(provider, algorithms=[algorithm]) as stage:
            yield Target(stage.gate, algorithm, provider.claims(stage.runtime.wall()))
        return
    jwt: dict[str, Any] = {"algorithms": [algorithm], "audience": AUDIENCE}
    if isinstance(key, OctKey):
        jwt["secret"] = key.raw_value.decode()
    else:
        (tmp_path / "key.pem").write_bytes(key.as_bytes("PEM", private=False))
        jwt["public_key"] = str(tmp_path / "key.pem")
    clock = Clock()
    gate = build(Config.model_validate({"jwt": jwt}), Tools(Runtime(wall=clock)))
    yield Target(gate, algorithm, {"sub": "alice", "aud": AUDIENCE, "exp": clock.now + 3600})


async def test_JW_01_valid_tokens_pass_and_no_modified_one_does(target: Target) -> None:
    header, payload, signature = target.header, target.payload, target.signature
    assert await target.accepts(target.token)
    first = b"B" if signature[:1] != b"B" else b"C"
    for name, token in {
        "modified signature": header + b"." + payload + b"." + first + signature[1:],
        "missing signature": header + b"." + payload + b".",
        "missing signature and separator": header + b"." + payload,
        "modified payload": header + b"." + encode({**target.claims, "sub": "mallory"}) + b"." + signature,
        "missing payload": header + b".." + signature,
        "missing payload and separator": header + b"." + signature,
        "modified header": encode({"alg": target.algorithm, "kid": target.key.kid}) + b"." + payload + b"." + signature,
        "missing header": b"." + payload + b"." + signature,
        "missing header and separator": payload + b"." + signature,
        "missing header and signature": b"." + payload + b".",
        "payload only": payload,
        "empty": b"",
        "an empty component more": target.token + b".",
        "a component more": target.token + b".foo",
        "none, no signature": encode({"alg": "none", "kid": target.key.kid}) + b"." + payload + b".",
        "none, a signature": encode({"alg": "none", "kid": target.key.kid}) + b"." + payload + b"." + signature,
        "signature of zeros": header + b"." + payload + b"." + b"A" * len(signature),
        "signature twice": target.token + signature,
        "signature cut": target.token[:-4],
        "space in between": header + b". " + payload + b"." + signature,
        "a line end": target.token + b"\n",
        "padded": target.token + b"=" * (-len(signature) % 4 or 4),
        "another alphabet": target.token.replace(b"-", b"+").replace(b"_", b"/") + b"+",
    }.items():
        assert not await target.accepts(token), name


async def test_JW_01_02_json_and_detached_serialisations_are_refused(target: Target) -> None:
    protected, payload, signature = (part.decode() for part in (target.header, target.payload, target.signature))
    flat = {"payload": payload, "protected": protected, "signature": signature}
    general = {"payload": payload, "signatures": [{"protected": protected, "signature": signature}]}
    for token in (json.dumps(flat).encode(), json.dumps(general, separators=(",", ":")).encode()):
        assert not await target.accepts(token)
    assert not await target.accepts(target.header + b".." + target.signature)


async def test_JW_01_an_algorithm_stands_for_itself_only(target: Target) -> None:
    """WrongPrimitive: every other algorithm's name over every other algorithm's true signature."""
    for name, key in KEYS.items():
        if name != target.algorithm:
            honest = sign(key, name, target.claims, kid=target.key.kid)
            posing = sign(key, name, target.claims, kid=target.key.kid, alg=target.algorithm)
            assert not await target.accepts(honest), name
            assert not await target.accepts(posing), name


async def test_JW_01_05_a_key_that_the_attacker_embeds_is_not_used(target: Target) -> None:
    if target.algorithm.startswith("HS"):
        own: Any = OctKey.import_key("attacker" * 8, {"kid": target.key.kid})
        jwk = own.as_dict()
    else:
        own = type(target.key).generate_key(*([target.key.get("crv")] if target.key.get("crv") else []))
        jwk = own.as_dict(private=False)
    assert await target.accepts(sign(target.key, target.algorithm, target.claims, x="y"))
    assert not await target.accepts(sign(own, target.algorithm, target.claims, kid=target.key.kid, jwk=jwk))
    assert not await target.accepts(sign(target.key, target.algorithm, target.claims, jwk=jwk))


async def test_JW_01_symmetry_confusion_signs_nothing(target: Target) -> None:
    if target.algorithm.startswith("HS"):
        return
    for encoding in ("PEM", "DER"):
        secret = target.key.as_bytes(encoding, private=False)  # type: ignore[call-arg, arg-type]
        for alg in ("HS256", target.algorithm):
            header = {"alg": alg, "kid": target.key.kid}
            assert not await target.accepts(forge(header, target.claims, secret=secret))


def _raw(encoded: Callable[[int, bytes], bytes]) -> Callable[[bytes], bytes]:
    """A signature over whatever `encoded` makes of (modulus bytes, digest), by the true key."""

    def signature(signed: bytes) -> bytes:
        numbers = rsa_key().private_key.private_numbers()  # type: ignore[union-attr]
        size = 256
        message = int.from_bytes(encoded(size, hashlib.sha256(signed).digest()))
        return pow(message, numbers.d, numbers.public_numbers.n).to_bytes(size)

    return signature


PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")  # DigestInfo of SHA-256, RFC 8017, section 9.2
NO_NULL = bytes.fromhex("302f300b0609608648016503040201" + "0420")
SHA1 = bytes.fromhex("3021300906052b0e03021a05000414")


def _padded(size: int, tail: bytes, *, first: bytes = b"\0\1", filler: bytes = b"\xff", stop: bytes = b"\0") -> bytes:
    return first + filler * (size - len(first) - len(stop) - len(tail)) + stop + tail


PADDINGS: dict[str, Callable[[int, bytes], bytes]] = {
    "block type 0": lambda size, digest: _padded(size, PREFIX + digest, first=b"\0\0"),
    "block type 2": lambda size, digest: _padded(size, PREFIX + digest, first=b"\0\2"),
    "leading 1": lambda size, digest: _padded(size, PREFIX + digest, first=b"\1\1"),
    "filler of zeros": lambda size, digest: _padded(size, PREFIX + digest, filler=b"\0"),
    "filler of fe": lambda size, digest: _padded(size, PREFIX + digest, filler=b"\xfe"),
    "no separator": lambda size, digest: _padded(size, PREFIX + digest, stop=b"\xff"),
    "separator 1": lambda size, digest: _padded(size, PREFIX + digest, stop=b"\1"),
    "no DigestInfo": _padded,
    "no NULL": lambda size, digest: _padded(size, NO_NULL + digest),
    "digest of SHA-1's name": lambda size, digest: _padded(size, SHA1 + digest[:20]),
    "garbage behind the digest": lambda size, digest: (
        b"\0\1" + b"\xff" * 8 + b"\0" + (PREFIX + digest).ljust(245, b"\1")
    ),
    "wrong digest": lambda size, digest: _padded(size, PREFIX + digest[::-1]),
    "PSS-like nonsense": lambda size, digest: b"\0" + digest * 7 + digest[:30] + b"\xbc",
    "nothing": lambda size, digest: b"\0" * size,
    "one": lambda size, digest: b"\0" * (size - 1) + b"\1",
}


@pytest.mark.parametrize("name", PADDINGS)
@pytest.mark.parametrize("mode", ["jwt", "oidc"])
async def test_JW_01_a_modified_pkcs1_padding_is_refused_even_of_the_true_key(
    name: str, mode: str, tmp_path: Path
) -> None:
    """ModifiedPadding: Bleichenbacher's 2006 forgery and its kin."""
    async with ScriptedIssuer(public(rsa_key())) as provider, standing(provider) as stage:
        (tmp_path / "key.pem").write_bytes(rsa_key().as_bytes("PEM", private=False))
        jwt = {"algorithms": ["RS256"], "audience": AUDIENCE, "public_key": str(tmp_path / "key.pem")}
        own = build(Config.model_validate({"jwt": jwt}), Tools(stage.runtime))
        target = Target(stage.gate if mode == "oidc" else own, "RS256", provider.claims(stage.runtime.wall()))
        signed = target.header + b"." + target.payload
        sound = _raw(lambda size, digest: _padded(size, PREFIX + digest))
        assert await target.accepts(signed + b"." + base64url(sound(signed)))
        assert not await target.accepts(signed + b"." + base64url(_raw(PADDINGS[name])(signed)))


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256


def _pair(r: int, s: int, size: int = 32) -> bytes:
    return r.to_bytes(size) + s.to_bytes(size)


EDGES = {"0": 0, "1": 1, "n-1": ORDER - 1, "n": ORDER}
INTEGERS: dict[str, Callable[[int, int], bytes]] = {
    # CVE-2022-21449: r and s of zero passed for everything.
    **{f"r={r} s={s}": lambda _r, _s, r=r, s=s: _pair(EDGES[r], EDGES[s]) for r in EDGES for s in EDGES},  # type: ignore[misc]
    "too long": lambda r, s: _pair(r, s, 33),
    "zeros behind": lambda r, s: r.to_bytes(32) + b"\0" + s.to_bytes(32) + b"\0",
    "r too big": lambda r, s: _pair(r + ORDER, s, 33),
    "s too big": lambda r, s: _pair(r, s + ORDER, 33),
    "r and 2^256": lambda r, s: _pair(r + 2**256, s, 33),
    "s and 2^256": lambda r, s: _pair(r, s + 2**256, 33),
    "a buffer's worth": lambda r, s: _pair(r, s, 320),
    "r only": lambda r, s: r.to_bytes(32),
    "swapped": lambda r, s: _pair(s, r),
}


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("mode", ["jwt", "oidc"])
async def test_JW_01_a_modified_signature_on_a_curve_is_refused(name: str, mode: str, tmp_path: Path) -> None:
    """SpecialCaseEs256: integers of zero, one and the order, too big, too long, and not in their places."""
    async with ScriptedIssuer(public(ec_key())) as provider, standing(provider) as stage:
        (tmp_path / "key.pem").write_bytes(ec_key().as_bytes("PEM", private=False))
        jwt = {"algorithms": ["ES256"], "audience": AUDIENCE, "public_key": str(tmp_path / "key.pem")}
        own = build(Config.model_validate({"jwt": jwt}), Tools(stage.runtime))
        target = Target(stage.gate if mode == "oidc" else own, "ES256", provider.claims(stage.runtime.wall()))
        signed, raw = target.header + b"." + target.payload, decode(target.signature)
        r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
        assert await target.accepts(signed + b"." + base64url(_pair(r, s)))
        assert await target.accepts(signed + b"." + base64url(_pair(r, ORDER - s)))  # as true, and wycheproof says so
        assert not await target.accepts(signed + b"." + base64url(INTEGERS[name](r, s)))


async def test_JW_01_a_true_signature_over_what_is_not_base64url_is_refused(target: Target) -> None:
    """The base64 group: spaces, other characters and spare bits, in each segment, even where they were signed."""

    def signed(header: bytes, payload: bytes) -> bytes:
        text = header + b"." + payload
        return text + b"." + base64url(SIGNERS[target.algorithm].sign(text, target.key))

    header, payload, signature = target.header, target.payload, target.signature
    assert await target.accepts(signed(header, payload))
    for token in (
        signed(header + b"    ", payload),
        signed(header + b"####", payload),
        signed(header[:-1] + b"?" + header[-1:], payload),
        signed(header + b"=", payload),
        signed(header, b"    " + payload),
        signed(header, b"####" + payload),
        signed(header, b"?" + payload),
        signed(header, payload + b"?"),
        signed(header, base64url(b"{}")[:2] + b"B"),  # spare bits
        signed(header, b""),
        header + b"." + payload + b".    " + signature,
        header + b"." + payload + b".?" + signature,
        header + b"." + payload + b"." + signature + b"?",
        header + b"." + payload + b"." + b"????" + signature[4:],
    ):
        assert not await target.accepts(token), token


@pytest.mark.parametrize("spelling", [b'{ "kid" : "%s", "alg" : "%s" }', b'{"kid":"%s",\n\t"alg":"%s"}'])
async def test_JW_01_white_space_in_a_signed_header_is_fine(target: Target, spelling: bytes) -> None:
    header = base64url(spelling % (str(target.key.kid).encode(), target.algorithm.encode()))
    text = header + b"." + target.payload
    assert await target.accepts(text + b"." + base64url(SIGNERS[target.algorithm].sign(text, target.key)))
