"""An issuer's key set (RFC 7517): which of its keys can be trusted to verify, and finding the one a token names."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwa
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.auth.base import Trust
from gateway.auth.weak_rsa import rsa_fault

PublicKey = RSAKey | ECKey | OKPKey

RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
ALGORITHMS = {algorithm.name: algorithm for algorithm in jwa.JWS_ALGORITHMS}
# RFC 7518, sections 6.2.2, 6.3.2 and 6.4: what only the owner may know. Who published it has no secret any more.
PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))


class UnusableKeyError(Exception):
    """A key that cannot verify tokens; the message, which quotes nothing, says why."""


class Key(Trust):
    """One public key: `algorithms` are those it may verify; what it verified is trusted until it leaves the set."""

    __slots__ = ("_key", "algorithms", "content", "kid")

    def __init__(self, key: PublicKey, kid: str | None, algorithms: Sequence[str], content: str) -> None:
        super().__init__()
        self._key = key
        self.kid = kid
        self.algorithms = algorithms
        self.content = content

    def verify(self, signed: bytes, signature: bytes, algorithm: str) -> bool:
        """Whether `signature` over `signed` was made with the private half, by one of `algorithms`."""
        try:
            return ALGORITHMS[algorithm].verify(signed, signature, self._key)
        except (JoseError, ValueError):
            return False

    def __repr__(self) -> str:
        return f"<Key {self.kid} {' '.join(self.algorithms)}>"


class KeySet:
    """The usable keys of an issuer; `ignored` says how many others there were, by reason."""

    def __init__(self, keys: Sequence[Key] = (), ignored: Mapping[str, int] | None = None) -> None:
        self.keys = keys
        self.ignored = ignored or {}
        self._by_kid = {key.kid: key for key in keys if key.kid is not None}

    def find(self, kid: object, algorithm: str) -> Key | None:
        """The key that `kid`, a text, names; for None, the only one there is for `algorithm`."""
        if kid is not None:
            key = self._by_kid.get(str(kid))
            return key if key is not None and algorithm in key.algorithms else None
        fitting = [key for key in self.keys if algorithm in key.algorithms]
        return fitting[0] if len(fitting) == 1 else None

    def __len__(self) -> int:
        return len(self.keys)


def read_key_set(document: Mapping[str, object], known: Iterable[Key] = ()) -> KeySet:
    """The key set in a JWKS document; a key that is among the `known` ones is that same object.

    Keys that cannot be used are ignored, good ones beside them stay. Raises ValueError if it is no key set at all.
    """
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise ValueError("no list of keys")  # noqa: TRY004 - the document is wrong, not the caller
    same = {key.content: key for key in known}
    ignored = Counter[str]()
    keys = {}
    for entry in entries:
        try:
            key = _read_key(entry)
        except UnusableKeyError as error:
            ignored[str(error)] += 1
        else:
            keys[key.content] = same.get(key.content, key)  # published twice is still one key
    unique = list(_unambiguous(keys.values()))
    if len(unique) < len(keys):
        ignored["another key has the same kid"] += len(keys) - len(unique)
    return KeySet(unique, ignored)


def _unambiguous(keys: Iterable[Key]) -> Iterator[Key]:
    # Which of two keys a kid means must not depend on their order.
    keys = list(keys)
    names = Counter(key.kid for key in keys)
    return (key for key in keys if key.kid is None or names[key.kid] == 1)


def _read_key(entry: object) -> Key:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid", ""), str):
        raise UnusableKeyError("not a key")
    if not PRIVATE.isdisjoint(entry):
        raise UnusableKeyError("it is not public")
    if entry.get("use", "sig") != "sig":
        raise UnusableKeyError("its use is not sig")
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise UnusableKeyError("its key_ops do not have verify")
    key, public, algorithms = _import(entry)
    if "alg" in entry:
        algorithms = [algorithm for algorithm in algorithms if algorithm == entry["alg"]]
        if not algorithms:
            raise UnusableKeyError("its alg is not for signatures with such a key")
    content = json.dumps([entry.get("kid"), sorted(public.items()), list(algorithms)])
    return Key(key, entry.get("kid"), algorithms, content)


def _import(entry: Mapping[str, object]) -> tuple[PublicKey, dict[str, str], Sequence[str]]:
    """The key, the members that make it, and the algorithms such a key is for."""
    kind, curve = entry.get("kty"), entry.get("crv")
    if kind == "RSA":
        public = _members(entry, "n", "e")
        fault = rsa_fault(public["n"], public["e"])
        if fault is not None:
            raise UnusableKeyError(fault)
        return _imported(RSAKey, public), public, RSA
    if kind == "EC" and isinstance(curve, str) and curve in CURVES:
        public = _members(entry, "crv", "x", "y")
        return _imported(ECKey, public), public, (CURVES[curve],)
    if kind == "OKP" and curve == "Ed25519":
        public = _members(entry, "crv", "x")
        return _imported(OKPKey, public), public, ("EdDSA",)
    raise UnusableKeyError("its kty or crv is none we use")


def _members(entry: Mapping[str, object], *names: str) -> dict[str, str]:
    found = {"kty": str(entry["kty"])}
    for name in names:
        value = entry.get(name)
        if not isinstance(value, str):
            raise UnusableKeyError("a member is missing")
        found[name] = value
    return found


def _imported(kind: type[PublicKey], public: Mapping[str, str]) -> PublicKey:
    try:
        return kind.import_key({**public})
    except (JoseError, ValueError, TypeError, UnsupportedAlgorithm):
        raise UnusableKeyError("it is no point on its curve, or no key at all") from None
