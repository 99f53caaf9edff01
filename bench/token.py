"""The bench's caller: a secret of this run, and tokens signed with it."""

import secrets
import time

import jwt

SECRET = secrets.token_urlsafe(32)
LIFETIME = 86400  # seconds


def mint(subject: str) -> str:
    """A token for `subject`; those of subjects of one length have one length."""
    now = int(time.time())
    return jwt.encode({"sub": subject, "iat": now, "exp": now + LIFETIME}, SECRET, "HS256")


TOKEN = mint("bench")
