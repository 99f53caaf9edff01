"""RSA public keys that are too weak to believe, or too large to work with."""

import base64
import binascii

SHORTEST = 2048  # RFC 7518, section 3.3
LONGEST = 8192  # verifying with it takes 0.4 ms, and whoever publishes the key decides that we do
LEAST_EXPONENT, MOST_EXPONENT = 65537, 2**64  # NIST SP 800-56B rev. 2, section 6.2: above 2^16; OpenSSL's own ceiling

# CVE-2017-15361 (ROCA): the primes of such keys are powers of 65537 modulo many small primes, and so is their product.
# A sound modulus passes for one of them once in 2^30.
SMALL_PRIMES = (
    *(11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157),
    *(3, 5, 7, 23, 29, 31, 41, 43, 47, 59, 67, 83, 89, 101, 113, 131, 137, 139, 149, 163, 167),
)
POWERS = {prime: frozenset(pow(65537, power, prime) for power in range(prime)) for prime in SMALL_PRIMES}


def rsa_fault(modulus: str, exponent: str) -> str | None:
    """Why the key of these two base64url integers is not to be used; None when it is."""
    if max(len(modulus), len(exponent)) > LONGEST // 4:
        return "it is too long"
    try:
        n, e = _integer(modulus), _integer(exponent)
    except ValueError:
        return "its numbers are not base64url"
    if not SHORTEST <= n.bit_length() <= LONGEST:
        return f"it has {n.bit_length()} bits"
    if not LEAST_EXPONENT <= e < MOST_EXPONENT or not e % 2:
        return "its exponent is weak"
    if all(n % prime in powers for prime, powers in POWERS.items()):
        return "it is of the guessable kind of CVE-2017-15361"
    return None


def _integer(text: str) -> int:
    try:
        return int.from_bytes(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
