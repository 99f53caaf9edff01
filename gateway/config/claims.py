"""The kinds of scalars that speak of tokens: scopes, claims, and the headers that carry claims."""

import re
from typing import Annotated

from gateway.config.http import read_header_name
from gateway.config.kind import Kind
from gateway.config.kinds import read_text

# RFC 6749, section 3.3; so a scope needs no escape in a challenge.
SCOPE = r"[!#-\[\]-~]{1,256}"
_SCOPE = re.compile(SCOPE)
# Servers that make variables of fields take X_Tenant for X-Tenant, so one of them could be the client's.
_CLAIM_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_NOT_CLAIMS = frozenset(("authorization", "cookie", "x-api-key", "tracestate", "forwarded", "content-type"))


def read_scope(value: object) -> str:
    if not isinstance(value, str) or not _SCOPE.fullmatch(value):
        raise ValueError('a scope: visible ASCII without spaces, " and \\')
    return value


def read_claim_header(value: object) -> str:
    """The name of a header that carries a claim; ValueError says why not."""
    name = read_header_name(value)
    if not _CLAIM_HEADER.fullmatch(name):
        raise ValueError("a header's name of letters, digits and -, such as X-Tenant")
    if name.lower() in _NOT_CLAIMS:
        raise ValueError(f"not {name}: it has another meaning")
    return name


Scope = Annotated[str, Kind(read_scope, {"type": "string", "pattern": f"^{SCOPE}$", "x-type": "scope"})]
ClaimName = Annotated[str, Kind(read_text, {"type": "string", "pattern": "^.+$"})]
ClaimHeader = Annotated[str, Kind(read_claim_header, {"type": "string", "pattern": f"^{_CLAIM_HEADER.pattern}$"})]
