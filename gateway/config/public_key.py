"""A PEM file of public keys, and which signature algorithms they are for."""

import re
from collections.abc import Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.config.references import read_text_file

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

MOST_KEYS = 2  # the one in use, and its successor or predecessor
SHORTEST_RSA = 2048  # RFC 7518, section 3.3
RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


def read_public_keys(path: str) -> Sequence[tuple[PublicKey, Sequence[str]]]:
    """The public keys in the file at `path`, each with the algorithms it is for; ValueError says what is wrong."""
    blocks = list(_BLOCK.finditer(read_text_file(path)))
    if not 1 <= len(blocks) <= MOST_KEYS:
        raise ValueError(f"a PEM file of one public key, or of two while they rotate, and this has {len(blocks)}")
    return [(key := _key(block[1], block[0]), _algorithms(key)) for block in blocks]


def _key(label: str, block: str) -> PublicKey:
    if "PRIVATE" in label:
        raise ValueError("a public key, and this is a private one; make it with: openssl pkey -in KEY -pubout")
    if label == "CERTIFICATE":
        raise ValueError("a public key, and this is a certificate; make it with: openssl x509 -in CERT -noout -pubkey")
    try:
        key = load_pem_public_key(block.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("a PEM public key that can be read") from None
    if not isinstance(key, PublicKey):
        raise ValueError("an RSA, EC or Ed25519 public key")  # noqa: TRY004 - the file is wrong, not the caller
    return key


def _algorithms(key: PublicKey) -> Sequence[str]:
    if isinstance(key, Ed25519PublicKey):
        return ("EdDSA",)
    if isinstance(key, RSAPublicKey):
        if key.key_size < SHORTEST_RSA:
            raise ValueError(f"an RSA key of at least {SHORTEST_RSA} bits, and this has {key.key_size}")
        return RSA
    if key.curve.name not in CURVES:
        raise ValueError(f"an EC key on P-256, P-384 or P-521, and this is on {key.curve.name}")
    return (CURVES[key.curve.name],)
