"""The demo model's text and vectors: deterministic, derived from the prompt, finite."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo import model


def test_equal_prompts_get_equal_replies_and_others_do_not() -> None:
    first, again, other = ("".join(model.reply(prompt)) for prompt in ("Why?", "Why?", "Why not?"))
    assert first == again
    assert first != other


@given(st.text())
def test_every_prompt_gets_a_reply_that_ends(prompt: str) -> None:
    text = list(model.reply(prompt))
    assert model.SHORTEST <= len(text) <= model.LONGEST
    assert all(text)
    assert text[-1] in {".", "?", "!"}


def test_the_reply_begins_with_a_word_of_the_prompt() -> None:
    assert next(model.reply("sky, blue?")) in {"Sky", "Blue"}


@given(st.text())
def test_tokens_keep_every_character_but_the_last_blanks(text: str) -> None:
    assert "".join(model.tokens(text)) == text.rstrip()


@given(st.text(min_size=1), st.integers(1, 64))
def test_embeddings_are_unit_vectors(text: str, dimensions: int) -> None:
    vector = model.embedding(model.tokens(text) or [0], dimensions)
    assert len(vector) == dimensions
    assert math.hypot(*vector) == pytest.approx(1)


def test_texts_that_share_words_are_nearer_than_texts_that_do_not() -> None:
    cat, kitten, tax = (
        model.embedding(model.tokens(text), 256) for text in ("the cat sat", "the cat slept", "annual tax return")
    )
    assert _cosine(cat, kitten) > 0.4 > abs(_cosine(cat, tax))


def _cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
