"""An issuer's keys over time: fetched in the background, once at a time, and trusted as long as stated."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from fakes import HandRuntime
from scripted_issuer import ec_key, public, rsa_key

from gateway.auth.issuer import FetchError
from gateway.auth.key_set import Key
from gateway.auth.key_source import COOL_DOWN, KeySource

INTERVAL = 600.0
MAX_STALE = 86400.0
DOWN = FetchError("the issuer cannot be reached", "http://127.0.0.1:1: refused")


class Fetch:
    """Brings what a test says, when it says so."""

    def __init__(self) -> None:
        self.count = 0
        self.keys: list[Any] = [public(rsa_key()), public(ec_key())]
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> Mapping[str, object]:
        self.count += 1
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return {"keys": self.keys}


class Stage:
    """A key source on a clock that the test moves, and the fetches it makes."""

    def __init__(self, **options: float) -> None:
        self.runtime = HandRuntime()
        self.fetch = Fetch()
        options = {"refresh_interval": INTERVAL, "max_stale": MAX_STALE, **options}
        self.source = KeySource(self.fetch, self.runtime, **options)

    async def started(self) -> "Stage":
        self.source.start()
        await self.settled()
        return self

    async def settled(self) -> None:
        """Wait until no fetch is under way."""
        while self.source._landing is not None:
            await asyncio.shield(self.source._landing)

    async def after(self, seconds: float) -> int:
        """How many fetches there were once `seconds` have passed and what was due then is done."""
        self.runtime.advance(seconds)
        await self.settled()
        return self.fetch.count

    @property
    def rsa(self) -> Key | None:
        return self.source.keys.find("rsa-1", "RS256")


async def test_keys_are_fetched_on_start_and_again_within_every_interval() -> None:
    stage = await Stage().started()
    assert stage.fetch.count == 1
    assert stage.rsa is not None
    for number in range(2, 6):
        assert await stage.after(INTERVAL * 0.89) == number - 1
        assert await stage.after(INTERVAL * 0.11 + 0.1) == number


async def test_replicas_do_not_ask_in_step() -> None:
    pauses = set()
    for seed in range(20):
        stage = Stage()
        stage.runtime.rng.seed(seed)
        await stage.started()
        pauses.add(stage.source.expires_at - stage.runtime.clock())
    assert len(pauses) == 20
    assert all(INTERVAL * 0.9 <= pause <= INTERVAL for pause in pauses)


async def test_JW_20_a_new_key_works_and_a_removed_one_is_not_trusted_after_one_interval() -> None:
    stage = await Stage().started()
    old = stage.rsa
    assert old is not None
    stage.fetch.keys = [public(rsa_key("rsa-2"))]
    await stage.after(INTERVAL + 0.1)
    assert stage.source.keys.find("rsa-2", "RS256") is not None
    assert stage.rsa is None
    assert not old.holds


async def test_JW_20_a_key_that_stays_is_trusted_on() -> None:
    stage = await Stage().started()
    kept = stage.rsa
    stage.fetch.keys = [public(rsa_key()), public(rsa_key("rsa-2"))]
    await stage.after(INTERVAL + 0.1)
    assert stage.rsa is kept
    assert kept is not None
    assert kept.holds


async def test_a_key_that_comes_back_must_be_proved_with_anew() -> None:
    stage = await Stage().started()
    first = stage.rsa
    both = stage.fetch.keys
    stage.fetch.keys = [public(ec_key())]
    await stage.after(INTERVAL + 0.1)
    stage.fetch.keys = both
    await stage.after(INTERVAL + 0.1)
    assert stage.rsa is not first
    assert first is not None
    assert not first.holds


async def test_JW_21_while_the_issuer_is_away_the_keys_live_on_for_max_stale_and_no_longer() -> None:
    stage = await Stage().started()
    key = stage.rsa
    assert key is not None
    stage.fetch.error = DOWN
    passed = 0.0
    while passed < MAX_STALE - 70:
        await stage.after(60.0)
        passed += 60.0
        assert stage.rsa is key
        assert key.holds
    assert stage.source.check() == (True, f"key set: 2 keys, {passed:.0f} s old (the issuer cannot be reached)")
    for _ in range(8):
        await stage.after(10.0)
    assert stage.rsa is None
    assert not key.holds
    assert stage.source.check() == (False, "key set: no keys (the issuer cannot be reached)")


async def test_JW_21_it_is_asked_patiently_while_there_are_old_keys() -> None:
    stage = await Stage().started()
    stage.fetch.error = DOWN
    before = await stage.after(INTERVAL + 0.1)
    pauses = []
    for _ in range(10):
        pauses.append(stage.source.expires_at - stage.runtime.clock())
        await stage.after(pauses[-1] + 0.1)
    assert stage.fetch.count == before + 10
    assert 1.8 <= pauses[0] <= 2.0
    assert pauses[:5] == sorted(pauses[:5])
    assert all(54 <= pause <= 60 for pause in pauses[6:])


async def test_JW_21_an_issuer_that_is_back_counts_within_a_minute() -> None:
    stage = await Stage().started()
    stage.fetch.error = DOWN
    await stage.after(INTERVAL + 0.1)
    for _ in range(10):
        await stage.after(60.1)
    stage.fetch.error = None
    await stage.after(60.1)
    assert stage.source.check() == (True, "key set: 2 keys, 0 s old")


async def test_JW_22_without_keys_it_is_not_ready_and_asks_every_two_seconds_until_it_heals() -> None:
    stage = Stage()
    assert stage.source.check() == (False, "key set: no keys (not fetched yet)")
    stage.fetch.error = DOWN
    await stage.started()
    assert stage.source.check() == (False, "key set: no keys (the issuer cannot be reached)")
    for number in range(2, 60):
        assert await stage.after(2.1) == number
    stage.fetch.error = None
    await stage.after(2.1)
    assert stage.source.check() == (True, "key set: 2 keys, 0 s old")
    assert stage.rsa is not None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no list of keys"), "the issuer did not answer with a key set"),
        (RuntimeError("a bug"), "RuntimeError"),
    ],
)
async def test_JW_22_whatever_goes_wrong_the_next_attempt_comes(
    error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage()
    stage.fetch.error = error
    await stage.started()
    assert stage.source.check() == (False, f"key set: no keys ({reason})")
    stage.fetch.error = None
    await stage.after(2.1)
    assert stage.source.check()[0]


async def test_a_failed_fetch_takes_no_key_away() -> None:
    """GHSA-fhv5-28vv-h8m8: one failed fetch emptied PyJWT's cache."""
    stage = await Stage().started()
    key = stage.rsa
    for error in (DOWN, ValueError("no list of keys"), RuntimeError("a bug")):
        stage.fetch.error = error
        await stage.after(INTERVAL + 0.1)
        assert stage.rsa is key


async def test_an_issuer_that_lists_no_usable_key_has_withdrawn_them_all() -> None:
    stage = await Stage().started()
    key = stage.rsa
    stage.fetch.keys = [public(rsa_key(), use="enc")]
    await stage.after(INTERVAL + 0.1)
    assert key is not None
    assert not key.holds
    assert stage.source.check() == (False, "key set: no keys (the issuer's key set has none that can be used)")
    stage.fetch.keys = [public(rsa_key())]
    await stage.after(2.1)
    assert stage.source.check()[0]


async def test_JW_23_however_many_ask_at_once_there_is_one_fetch() -> None:
    stage = await Stage().started()
    stage.fetch.open.clear()
    stage.fetch.keys = [public(rsa_key("rsa-2"))]
    fetches = [stage.source.refetch() for _ in range(200)]
    assert len(set(map(id, fetches))) == 1
    assert fetches[0] is not None
    assert not fetches[0].done()
    stage.fetch.open.set()
    await asyncio.shield(fetches[0])
    assert stage.fetch.count == 2
    assert stage.source.keys.find("rsa-2", "RS256") is not None


async def test_a_missing_key_asks_at_most_once_in_30_seconds() -> None:
    stage = await Stage().started()
    assert stage.source.refetch() is not None
    await stage.settled()
    for _ in range(100):
        assert stage.source.refetch() is None
    assert await stage.after(COOL_DOWN - 0.1) == 2
    assert stage.source.refetch() is None
    await stage.after(0.1)
    assert stage.source.refetch() is not None
    await stage.settled()
    assert stage.fetch.count == 3


async def test_a_missing_key_waits_for_the_fetch_that_is_under_way_anyway() -> None:
    stage = await Stage().started()
    stage.fetch.open.clear()
    stage.runtime.advance(INTERVAL + 0.1)
    assert stage.source.refetch() is not None
    stage.fetch.open.set()
    await stage.settled()
    assert stage.fetch.count == 2
    assert stage.source.refetch() is not None  # its own one is still to be had
    await stage.settled()


async def test_who_waits_for_a_fetch_is_woken_also_when_it_fails_or_is_called_off() -> None:
    stage = await Stage().started()
    stage.fetch.error = DOWN
    failing = stage.source.refetch()
    assert failing is not None
    await asyncio.shield(failing)
    await stage.after(COOL_DOWN)
    stage.fetch.open.clear()
    called_off = stage.source.refetch()
    assert called_off is not None
    stage.source.close()
    await asyncio.shield(called_off)


async def test_the_keys_are_kept_fresh_until_the_last_user_has_left() -> None:
    stage = await Stage().started()
    stage.source.start()
    stage.source.close()
    assert await stage.after(INTERVAL + 0.1) == 2
    stage.source.close()
    assert await stage.after(INTERVAL * 10) == 2
    assert stage.source.refetch() is None


async def test_JW_21_what_happened_is_counted_and_logged_once_for_each_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.auth")
    stage = await Stage().started()
    await stage.after(INTERVAL + 0.1)
    assert stage.source.updates == {"success": 2}
    stage.fetch.error = DOWN
    for _ in range(5):
        await stage.after(INTERVAL)
    assert stage.source.updates == {"success": 2, "failure": 5}
    stage.fetch.error = None
    stage.fetch.keys = [public(rsa_key()), public(ec_key(), use="enc")]
    await stage.after(INTERVAL)
    assert caplog.messages == [
        "key set: 2 keys: 'rsa-1', 'ec-1'",
        "key set: the issuer cannot be reached: http://127.0.0.1:1: refused",
        "key set: fetched again after 5 failures",
        "key set: 1 keys: 'rsa-1'",
        "key set: 1 keys ignored: its use is not sig",
    ]


async def test_a_max_stale_of_0_trusts_nothing_that_could_not_be_fetched_again() -> None:
    stage = await Stage(max_stale=0).started()
    stage.fetch.error = DOWN
    await stage.after(INTERVAL + 0.1)
    assert stage.rsa is None
