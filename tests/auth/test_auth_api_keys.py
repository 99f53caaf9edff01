"""API keys out of a file: who they speak for, where they are looked for, and how the file changes."""

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from auth_tokens import forge, request

from gateway.auth import api_keys as module
from gateway.auth.api_keys import ApiKeys
from gateway.auth.gate import Gate
from gateway.auth.registry import build
from gateway.auth.scheme_tools import Tools
from gateway.config.tree import Config
from gateway.errors import Unauthenticated
from gateway.exchange import Identity, Request
from gateway.runtime import Runtime

ONE, TWO = b"sk-one-4f6d2c", b"sk-two-9a1b3e"


def entry(key: bytes, name: str = "one", subject: str = "robot", **members: Any) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(key).hexdigest(), "subject": subject, **members}


def write(path: Path, *entries: Any) -> None:
    path.write_text(json.dumps(entries))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.yaml"
    write(path, entry(ONE, scopes=["chat"]))
    return path


def keys_in(path: Path) -> tuple[Gate, ApiKeys]:
    config = Config.model_validate({"auth": {"type": "none", "api_keys_file": str(path)}})
    gate = build(config, Tools(Runtime()))
    [scheme] = gate.schemes
    assert isinstance(scheme, ApiKeys)
    return gate, scheme


def by_field(*values: bytes, authorization: bytes | None = None) -> Request:
    """A request with these X-API-Key fields."""
    made = request(*([authorization] if authorization is not None else []))
    made.fields = (*made.fields, *((b"x-api-key", value) for value in values))
    return made


async def verdict(gate: Gate, made: Request) -> str:
    try:
        return (await gate.authenticate(made)).subject
    except Unauthenticated as refusal:
        return refusal.detail


async def test_a_key_speaks_for_its_subject_with_its_scopes(path: Path) -> None:
    gate, _ = keys_in(path)
    for made in (request(b"Bearer " + ONE), request(b"bearer  " + ONE), by_field(ONE)):
        identity = await gate.authenticate(made)
        assert isinstance(identity, Identity)
        assert identity.subject == "robot"
        assert identity.scopes == {"chat"}
        assert identity.headers == b"X-Auth-Subject: robot\r\n"
        assert identity.expires_at == float("inf")


async def test_a_key_that_nobody_gave_out_is_refused(path: Path) -> None:
    gate, _ = keys_in(path)
    digest = hashlib.sha256(ONE).hexdigest().encode()
    for key in (TWO, ONE + b"x", ONE[:-1], ONE.upper(), digest, b"a.b.c", forge()):
        assert await verdict(gate, request(b"Bearer " + key)) == "unknown_key"
        assert await verdict(gate, by_field(key)) == "unknown_key"
    assert await verdict(gate, request()) == "missing"
    assert await verdict(gate, request(b"Basic " + ONE)) == "scheme"


@pytest.mark.parametrize("values", [(b"",), (ONE, ONE), (ONE, TWO), (b"x" * 8193,)], ids=lambda v: repr(v)[:12])
async def test_a_field_that_is_empty_huge_or_there_twice_is_refused(path: Path, values: tuple[bytes, ...]) -> None:
    gate, _ = keys_in(path)
    assert await verdict(gate, by_field(*values)) == "malformed"


async def test_where_both_fields_are_sent_authorization_counts(path: Path) -> None:
    gate, _ = keys_in(path)
    assert await verdict(gate, by_field(TWO, authorization=b"Bearer " + ONE)) == "robot"
    assert await verdict(gate, by_field(ONE, authorization=b"Bearer " + TWO)) == "unknown_key"


async def test_a_token_is_no_key_even_when_it_was_seen_before(path: Path) -> None:
    secret = "kW9+Xv2nQ0r8Zb5cLq7TtYpJ4sHdF1aM"
    config = {"auth": {"type": "jwt", "api_keys_file": str(path)}, "jwt": {"secret": secret}}
    gate = build(Config.model_validate(config), Tools(Runtime()))
    token = forge(claims={"sub": "alice", "exp": 4_000_000_000}, secret=secret.encode())
    assert await verdict(gate, request(b"Bearer " + token)) == "alice"
    assert await verdict(gate, by_field(token)) == "unknown_key"


async def test_the_field_of_keys_is_hidden_from_upstreams(path: Path) -> None:
    gate, _ = keys_in(path)
    assert gate.hidden == ("x-api-key",)


async def test_a_remembered_key_is_not_hashed_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, _ = keys_in(path)
    await gate.authenticate(request(b"Bearer " + ONE))
    monkeypatch.setattr(module, "hashlib", None)
    assert await verdict(gate, request(b"Bearer " + ONE)) == "robot"


async def test_a_changed_file_counts_and_a_removed_key_is_dead_though_it_was_remembered(path: Path) -> None:
    gate, scheme = keys_in(path)
    assert await verdict(gate, request(b"Bearer " + ONE)) == "robot"
    write(path, entry(TWO, "two", "deployer"))
    await scheme.look()
    assert await verdict(gate, request(b"Bearer " + ONE)) == "unknown_key"
    assert await verdict(gate, request(b"Bearer " + TWO)) == "deployer"
    assert scheme.updates == {"success": 1}


async def test_a_key_whose_scopes_changed_has_only_the_new_ones(path: Path) -> None:
    gate, scheme = keys_in(path)
    await gate.authenticate(request(b"Bearer " + ONE))
    write(path, entry(ONE, scopes=["embed"]))
    await scheme.look()
    assert (await gate.authenticate(request(b"Bearer " + ONE))).scopes == {"embed"}


async def test_a_key_that_stays_is_remembered_on(path: Path) -> None:
    gate, scheme = keys_in(path)
    before = await gate.authenticate(request(b"Bearer " + ONE))
    write(path, entry(TWO, "two"), entry(ONE, scopes=["chat"]))
    await scheme.look()
    assert gate.cache.recall(b"Bearer " + ONE) is before


async def test_a_file_that_did_not_change_is_not_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, scheme = keys_in(path)
    monkeypatch.setattr(module, "read_api_keys", None)
    await scheme.look()
    assert scheme.updates == {}


def replaced(path: Path) -> None:
    """As an editor or Ansible does it: same size, same time, another file."""
    new = path.with_name("new")
    write(new, entry(TWO, subject="robo2", scopes=["chat"]))
    status = os.stat(path)
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    new.rename(path)


def mount(path: Path, version: str, *entries: Any) -> None:
    """As Kubernetes mounts a Secret: keys.yaml -> ..data/keys.yaml, and ..data -> a folder for each version."""
    folder = path.parent / version
    folder.mkdir()
    write(folder / path.name, *entries)
    link = path.parent / "..tmp"
    link.symlink_to(version)
    link.rename(path.parent / "..data")


async def test_a_file_that_was_replaced_counts(path: Path) -> None:
    gate, scheme = keys_in(path)
    replaced(path)
    await scheme.look()
    assert await verdict(gate, by_field(TWO)) == "robo2"


async def test_a_swapped_link_on_the_way_to_the_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "mounted.yaml"
    mount(path, "..v1", entry(ONE))
    path.symlink_to("..data/mounted.yaml")
    gate, scheme = keys_in(path)
    mount(path, "..v2", entry(TWO))
    await scheme.look()
    assert await verdict(gate, by_field(ONE)) == "unknown_key"
    assert await verdict(gate, by_field(TWO)) == "robot"


def _remove(path: Path) -> None:
    path.unlink()


def _cut_short(path: Path) -> None:
    path.write_text('[{"name": "one", "sha25')


def _empty(path: Path) -> None:
    path.write_text("")


def _without_subject(path: Path) -> None:
    write(path, {"name": "one", "sha256": "0" * 64})


@pytest.mark.parametrize("spoil", [_remove, _cut_short, _empty, _without_subject])
async def test_a_file_that_cannot_be_used_changes_nothing_says_so_once_and_heals(
    path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "gateway.auth")
    gate, scheme = keys_in(path)
    spoil(path)
    for _ in range(3):
        await scheme.look()
    assert await verdict(gate, by_field(ONE)) == "robot"
    assert scheme.updates == {"failure": 1}
    [message] = caplog.messages
    assert message.startswith(f"auth.api_keys_file: the keys of before stay: the file '{path}'")
    write(path, entry(TWO))
    await scheme.look()
    assert await verdict(gate, by_field(TWO)) == "robot"


async def test_an_empty_list_withdraws_every_key(path: Path) -> None:
    gate, scheme = keys_in(path)
    write(path)
    await scheme.look()
    assert await verdict(gate, by_field(ONE)) == "unknown_key"


@pytest.fixture
async def watching(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Gate, ApiKeys]]:
    monkeypatch.setattr(module, "INTERVAL", 0.005)
    gate, scheme = keys_in(path)
    gate.start()
    yield gate, scheme
    gate.close()


async def test_the_file_is_looked_after_in_the_background(watching: tuple[Gate, ApiKeys], path: Path) -> None:
    gate, scheme = watching
    write(path, entry(TWO))
    async with asyncio.timeout(5):
        while await verdict(gate, by_field(TWO)) != "robot":
            await asyncio.sleep(0.005)
    gate.close()
    await asyncio.gather(scheme._task, return_exceptions=True)  # type: ignore[call-overload]
    assert scheme._task is not None
    assert scheme._task.cancelled()


async def test_no_key_is_printed(path: Path) -> None:
    gate, _ = keys_in(path)
    assert repr(gate) == "<Gate <ApiKeys 1> <TokenCache 0 tokens>>"


async def test_JW_24_the_constant_time_comparison_has_the_last_word_about_a_key(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, _ = keys_in(path)
    assert await verdict(gate, request(b"Bearer " + ONE)) == "robot"
    fresh, _ = keys_in(path)
    monkeypatch.setattr(module.hmac, "compare_digest", lambda one, other: False)
    assert await verdict(fresh, request(b"Bearer " + ONE)) == "unknown_key"
