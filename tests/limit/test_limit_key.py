"""Who is counted, and that nobody can pass for somebody else."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_reference import exchange

from gateway.exchange import ANONYMOUS, Exchange, Identity
from gateway.limit.key import ADDRESSES, KEYS, LONGEST, claim, header, key_of, network, spelled

ALICE = Identity("alice")


@pytest.mark.parametrize(
    ("kind", "identity", "key"),
    [
        ("client", ALICE, "subject:alice"),
        ("client", ANONYMOUS, "address:192.0.2.1"),
        ("subject", ALICE, "subject:alice"),
        ("subject", ANONYMOUS, "subject:"),
        ("address", ALICE, "address:192.0.2.1"),
        ("address", ANONYMOUS, "address:192.0.2.1"),
        ("service", ALICE, "service:llm"),
        ("service", ANONYMOUS, "service:llm"),
    ],
)
def test_each_kind_counts_what_its_name_says(kind, identity, key):
    assert KEYS[kind]()(exchange(client="192.0.2.1", service="llm"), identity) == key


words = st.one_of(
    st.text(), st.lists(st.sampled_from(["subject", "address", "service", ":", "a", "192.0.2.1"])).map("".join)
)
callers = st.tuples(words, words, words)


@given(callers, callers)
def test_RL_08_equal_keys_mean_the_same_kind_and_the_same_caller(one, other):
    said = {}
    for subject, address, service in (one, other):
        call, identity = exchange(client=address, service=service), Identity(subject)
        for kind, counted in (("subject", subject), ("address", network(address)), ("service", service)):
            assert said.setdefault(KEYS[kind]()(call, identity), (kind, counted)) == (kind, counted)


@given(words)
def test_RL_08_a_client_with_a_subject_is_never_counted_as_an_address(subject):
    counted = KEYS["client"]()(exchange(), Identity(subject))
    assert counted.startswith("subject:" if subject else "address:")


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:C000:0201", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unix:", "unix:"),
        ("300.1.1.1", "300.1.1.1"),
    ],
)
def test_an_address_is_counted_by_the_part_that_one_customer_holds(text, counted):
    assert network(text) == counted


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_the_addresses_of_one_64_are_one_caller(prefix, one, other):
    addresses = [str(IPv6Address(prefix << 64 | host)) for host in (one, other)]
    if prefix:  # ::/64 also holds IPv4 addresses written as IPv6
        assert network(addresses[0]) == network(addresses[1])


def test_more_addresses_than_are_remembered_still_get_their_own_keys():
    key = KEYS["address"]()
    addresses = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(2 * ADDRESSES + 1)]
    for _ in range(2):
        assert [key(exchange(client=address), ANONYMOUS) for address in addresses] == [
            f"address:{address}" for address in addresses
        ]
    assert len(key._known) <= 2 * ADDRESSES


def with_headers(*fields: tuple[str, str]) -> Exchange:
    call = exchange()
    call.request.fields = [(name.encode(), value.encode()) for name, value in fields]
    return call


def test_a_header_counts_by_its_value_which_is_never_kept_as_it_is():
    key = header("X-Api-Key")
    one = key(with_headers(("x-api-key", "s3cret")), ALICE)
    assert one == key(with_headers(("a", "b"), ("x-api-key", "s3cret")), ANONYMOUS)
    assert one.startswith("header x-api-key#")
    assert "s3cret" not in one
    none = key(with_headers(), ALICE)
    assert len({one, none, key(with_headers(("x-api-key", "other")), ALICE)}) == 3
    assert key(with_headers(("x-api-key", "a"), ("x-api-key", "b")), ALICE) not in {one, none}


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("acme", "claim tenant:acme"),
        (5, "claim tenant:5"),
        (["b", "a"], 'claim tenant:["b", "a"]'),
        ({"b": 1, "a": None}, 'claim tenant:{"a": null, "b": 1}'),
        (None, "claim tenant:null"),
    ],
)
def test_a_claim_counts_by_its_value(value, key):
    assert claim("tenant")(exchange(), Identity("alice", claims={"tenant": value})) == key


def test_callers_without_the_claim_are_one():
    assert claim("tenant")(exchange(), ALICE) == claim("tenant")(exchange(), ANONYMOUS) == "claim tenant:"


@given(words.map(lambda text: text * 50))
def test_a_long_subject_or_claim_has_a_short_key_of_its_own(text):
    for key in (
        KEYS["subject"]()(exchange(), Identity(text)),
        claim("c")(exchange(), Identity("", claims={"c": text})),
    ):
        assert len(key) <= LONGEST + len("subject:")
        assert key.endswith(":" + text) or (len(text) > LONGEST and "#" in key)
    longer = KEYS["subject"]()(exchange(), Identity(text + "x" * LONGEST))
    assert longer != KEYS["subject"]()(exchange(), Identity(text + "y" * LONGEST))


def test_a_subject_that_is_no_unicode_has_a_key():
    assert KEYS["subject"]()(exchange(), Identity("\ud800" * 200)).startswith("subject#")


@pytest.mark.parametrize("kind", ["client", "subject", "address", "service", "header:X-Tenant", "claim:team"])
def test_what_an_operator_writes_is_the_key_that_a_request_has(kind):
    call, identity = with_headers(("x-tenant", "acme")), Identity("alice", claims={"team": "red"})
    call.request.service = "llm"
    written = ["subject:alice", "address:192.0.2.1", "service:llm", "header:x-tenant=acme", "claim:team=red"]
    meant = [key for text in written if (key := spelled(kind, text)) is not None]
    assert key_of(kind)(call, identity) in meant
    assert len(meant) == (2 if kind == "client" else 1)
    if kind == "client":
        assert key_of(kind)(call, ANONYMOUS) in meant


@pytest.mark.parametrize("written", ["", "alice", "subject", "nothing:alice", "claim:team", "header:x=1", "service"])
def test_what_is_no_key_of_the_rule_is_none(written):
    assert spelled("claim:tenant", written) is None
    assert spelled("header:other", written) is None
    assert spelled("service", written) is None
