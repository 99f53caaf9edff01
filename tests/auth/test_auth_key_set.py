"""Which published keys can verify tokens, and which key a token means."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey
from scripted_issuer import Key, ec_key, ed_key, public, rsa_key, sign

from gateway.auth.key_set import KeySet, read_key_set

RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
# CVE-2017-15361: affected chips made primes k * M + (65537^a mod M), M the product of these.
PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107]
PRIMES += [109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167]


def of(*keys: Any) -> KeySet:
    return read_key_set({"keys": list(keys)})


def number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes(-(-value.bit_length() // 8))).rstrip(b"=").decode()


def roca_modulus() -> int:
    """A 2048-bit number that is to the small primes what the affected chips' moduli are to them."""
    product = 1
    for prime in PRIMES:
        product *= prime
    return (1 << 2047) // product * product + pow(65537, 12345, product)


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (rsa_key(), RSA),
        (ec_key(), ["ES256"]),
        (ec_key("ec-2", "P-384"), ["ES384"]),
        (ec_key("ec-3", "P-521"), ["ES512"]),
        (ed_key(), ["EdDSA"]),
    ],
    ids=lambda value: getattr(value, "kid", ""),
)
def test_a_public_key_verifies_what_its_kind_and_curve_are_for(key: Key, algorithms: list[str]) -> None:
    keys = of(public(key))
    assert list(keys.keys[0].algorithms) == algorithms
    for algorithm in algorithms:
        found = keys.find(key.kid, algorithm)
        assert found is not None
        signed, _, signature = sign(key, algorithm, b"payload").rpartition(b".")
        raw = base64.urlsafe_b64decode(signature + b"==")
        assert found.verify(signed, raw, algorithm)
        assert not found.verify(signed + b"x", raw, algorithm)
        assert not found.verify(signed, raw[:-1], algorithm)
        assert not found.verify(signed, b"", algorithm)


def test_JW_04_a_key_that_names_its_algorithm_verifies_no_other() -> None:
    keys = of(public(rsa_key(), alg="RS256"))
    assert keys.find("rsa-1", "RS256") is not None
    assert keys.find("rsa-1", "PS256") is None
    assert keys.find("rsa-1", "RS384") is None


E1 = {**public(rsa_key("bad")), "e": number(1)}
BAD: dict[str, tuple[Any, str]] = {
    "RSA of 1024 bits": (public(rsa_key("bad")) | {"n": number((1 << 1023) + 1)}, "it has 1024 bits"),
    "RSA of 16384 bits": (public(rsa_key("bad")) | {"n": number((1 << 16383) + 1)}, "it is too long"),
    "exponent 1": (E1, "its exponent is weak"),
    "exponent 3": ({**E1, "e": number(3)}, "its exponent is weak"),
    "even exponent": ({**E1, "e": number(65538)}, "its exponent is weak"),
    "RSA of 8193 bits": (public(rsa_key("bad")) | {"n": number((1 << 8192) + 1)}, "it has 8193 bits"),
    "exponent of 2048 bits": ({**E1, "e": number((1 << 2047) + 1)}, "its exponent is weak"),
    "ROCA": (public(rsa_key("bad")) | {"n": number(roca_modulus())}, "it is of the guessable kind of CVE-2017-15361"),
    "numbers that are none": ({**E1, "e": "*"}, "its numbers are not base64url"),
    "off its curve": ({**public(ec_key("bad")), "y": number(12345)}, "it is no point on its curve, or no key at all"),
    "for encryption": (public(rsa_key("bad"), use="enc"), "its use is not sig"),
    "use of another type": (public(rsa_key("bad"), use=None), "its use is not sig"),
    "to sign only": (public(rsa_key("bad"), key_ops=["sign"]), "its key_ops do not have verify"),
    "key_ops of another type": (public(rsa_key("bad"), key_ops="verify"), "its key_ops do not have verify"),
    "the private half of an RSA key": (rsa_key("bad").as_dict(private=True), "it is not public"),
    "the private half of an EC key": (ec_key("bad").as_dict(private=True), "it is not public"),
    "a secret": ({"kty": "oct", "kid": "bad", "k": number(1 << 255), "use": "sig"}, "it is not public"),
    "an unknown kty": ({"kty": "AKP", "kid": "bad", "pub": "AAAA"}, "its kty or crv is none we use"),
    "a curve of money": (public(ec_key("bad"), crv="secp256k1"), "its kty or crv is none we use"),
    "a curve that is a list": (public(ec_key("bad"), crv=["P-256"]), "its kty or crv is none we use"),
    "a curve for key agreement": (public(ed_key("bad"), crv="X25519"), "its kty or crv is none we use"),
    "a point of another curve": (
        public(ec_key("bad"), crv="P-384"),
        "it is no point on its curve, or no key at all",
    ),
    "a point called RSA": (public(ec_key("bad"), kty="RSA"), "a member is missing"),
    "an alg that nobody knows": (public(ec_key("bad"), alg="ES521"), "its alg is not for signatures with such a key"),
    "an alg of another curve": (public(ec_key("bad"), alg="ES384"), "its alg is not for signatures with such a key"),
    "an RSA key to encrypt with": (
        public(rsa_key("bad"), key_ops=["encrypt"]),
        "its key_ops do not have verify",
    ),
    "no kty": ({"kid": "bad", "n": "AQAB"}, "its kty or crv is none we use"),
    "no modulus": ({"kty": "RSA", "kid": "bad", "e": "AQAB"}, "a member is missing"),
    "a modulus that is a number": ({"kty": "RSA", "kid": "bad", "e": "AQAB", "n": 3}, "a member is missing"),
    "an alg for encryption": (public(rsa_key("bad"), alg="RSA-OAEP"), "its alg is not for signatures with such a key"),
    "alg none": (public(rsa_key("bad"), alg="none"), "its alg is not for signatures with such a key"),
    "alg of another kind": (public(rsa_key("bad"), alg="ES256"), "its alg is not for signatures with such a key"),
    "alg of another type": (public(rsa_key("bad"), alg=["RS256"]), "its alg is not for signatures with such a key"),
    "a kid that is a number": (public(rsa_key("bad"), kid=7), "not a key"),
    "no object": ("bad", "not a key"),
}


@pytest.mark.parametrize("name", BAD)
def test_JW_18_a_bad_key_is_ignored_and_the_good_ones_beside_it_work(name: str) -> None:
    bad, why = BAD[name]
    for keys in (of(bad, public(rsa_key()), public(ec_key())), of(public(rsa_key()), public(ec_key()), bad)):
        assert [key.kid for key in keys.keys] == ["rsa-1", "ec-1"]
        assert keys.ignored == {why: 1}
        assert all(keys.find("bad", algorithm) is None for algorithm in (*RSA, "ES256", "EdDSA", "HS256"))


def test_JW_18_of_two_keys_with_one_kid_neither_counts() -> None:
    keys = of(public(rsa_key("twice")), public(ec_key("twice")), public(ec_key()))
    assert [key.kid for key in keys.keys] == ["ec-1"]
    assert keys.ignored == {"another key has the same kid": 2}


def test_JW_18_one_key_published_twice_is_one_key() -> None:
    keys = of(public(rsa_key()), public(rsa_key()))
    assert len(keys) == 1
    assert keys.ignored == {}


def test_a_bad_key_does_not_take_the_kid_of_a_good_one() -> None:
    keys = of(public(rsa_key("same"), use="enc"), public(ec_key("same")))
    assert keys.find("same", "ES256") is not None


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}, {"jwks": []}], ids=str)
def test_what_is_no_key_set_is_an_error_and_not_an_empty_one(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no list of keys"):
        read_key_set(document)


def test_an_empty_key_set_is_empty() -> None:
    assert len(of()) == 0


def test_JW_06_without_a_kid_the_only_key_of_the_algorithm_is_meant() -> None:
    keys = of(public(rsa_key()), public(ec_key()))
    assert keys.find(None, "RS256") is keys.find("rsa-1", "RS256")
    assert keys.find(None, "ES256") is keys.find("ec-1", "ES256")
    assert keys.find(None, "EdDSA") is None


def test_JW_06_without_a_kid_none_of_several_keys_is_meant() -> None:
    keys = of(public(rsa_key()), public(rsa_key("rsa-2")))
    assert keys.find(None, "RS256") is None


def test_a_key_without_a_kid_is_only_found_without_one() -> None:
    anonymous = {name: value for name, value in public(rsa_key()).items() if name != "kid"}
    keys = of(anonymous, public(ec_key()))
    assert keys.find(None, "RS256") is not None
    assert keys.find("", "RS256") is None
    assert keys.find("rsa-1", "RS256") is None


def test_a_key_that_is_still_there_stays_the_same_object_and_a_changed_one_does_not() -> None:
    before = of(public(rsa_key()), public(ec_key()))
    after = read_key_set({"keys": [public(rsa_key(), x5t="new"), public(ec_key("ec-1", "P-384"))]}, before.keys)
    assert after.find("rsa-1", "RS256") is before.find("rsa-1", "RS256")
    assert after.find("ec-1", "ES384") not in before.keys


_leaf = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
_value = _leaf | st.lists(_leaf, max_size=2) | st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "AQAB", "sig"])
_members = st.sampled_from(["kty", "kid", "use", "alg", "crv", "n", "e", "x", "y", "key_ops", "d", "k"])


@given(st.dictionaries(_members, _value), st.sampled_from([public(rsa_key()), public(ec_key()), public(ed_key()), {}]))
def test_JW_18_whatever_an_entry_holds_it_is_a_key_or_ignored(changes: dict[str, Any], base: dict[str, Any]) -> None:
    keys = of({**base, **changes})
    assert len(keys) + sum(keys.ignored.values()) == 1


def test_nobody_who_prints_a_key_sees_more_than_its_name() -> None:
    assert repr(of(public(ec_key())).keys[0]) == "<Key ec-1 ES256>"


def test_JW_18_a_secret_in_the_set_verifies_nothing_even_for_who_signed_with_it() -> None:
    """Wycheproof's jws_mixedSymmetryKeyset: HS256 beside ES256."""
    secret = OctKey.import_key("k" * 32, {"kid": "shared"})
    keys = of(secret.as_dict(), public(ec_key()))
    assert keys.find("shared", "HS256") is None
    assert keys.find(None, "HS256") is None
