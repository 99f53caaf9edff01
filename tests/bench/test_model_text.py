"""Text becomes tokens and hashes so that equal beginnings are equal, and only those."""

from hypothesis import given
from hypothesis import strategies as st

from bench.model import text

message = st.tuples(st.sampled_from(["system", "user"]), st.text(max_size=60))


@given(st.lists(message, min_size=1, max_size=4), st.integers(1, 40), st.text(max_size=20))
def test_a_conversation_begins_with_its_earlier_self_and_the_reply(
    messages: list[tuple[str, str]], tokens: int, question: str
) -> None:
    prompt = text.encode(messages)
    answer = "".join(text.reply(prompt, tokens))
    later = text.encode([*messages, ("assistant", answer), ("user", question)])
    assert later.startswith(text.whole(prompt, answer))
    assert text.hashes(later, 2)[: text.count(prompt) // 2] == text.hashes(prompt, 2)


@given(st.binary(min_size=64, max_size=256), st.integers(0, 63))
def test_blocks_after_a_difference_are_different(data: bytes, at: int) -> None:
    changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    before, after = text.hashes(data, 4), text.hashes(changed, 4)
    assert len(before) == len(data) // 16
    assert before[: at // 16] == after[: at // 16]
    assert not set(before[at // 16 :]) & set(after)


@given(st.lists(message, min_size=1, max_size=4), st.integers(1, 200))
def test_a_reply_is_as_long_as_asked_in_tokens_and_the_same_each_time(
    messages: list[tuple[str, str]], tokens: int
) -> None:
    prompt = text.encode(messages)
    words = text.reply(prompt, tokens)
    assert words == text.reply(prompt, tokens)
    assert text.count("".join(words).encode()) == len(words) == tokens
