"""Matching words in text."""

import pytest

from de_assets.crm.mock.words import contains_words, matches_tokens


@pytest.mark.parametrize(
    ("value", "pattern", "fits"),
    [
        ("ana@shop.example", "*@shop.example", True),
        ("ana@shop.example", "ana@*", True),
        ("ana@shop.example", "shop", True),
        ("ana@shop.example", "sho", False),
        ("ana@shop.example", "sho*", True),
        ("ana@shop.example", "*@*.example", True),
        ("ana@shop.example", "*@*@*", False),
        ("Blue Wool Ltd", "WOOL blue", True),
        ("Blue Wool Ltd", "b*e *oo*", True),
        ("aba", "ab*ba", False),
        ("anything", "*", True),
        ("", "*", True),
        (None, "*", False),
        ("a" * 20_000, "*a" * 1_000 + "b", False),
    ],
    ids=lambda each: str(each)[:20],
)
def test_tokens_fit_whole_words_and_wildcards(value: str | None, pattern: str, fits: bool) -> None:
    assert matches_tokens(value, pattern) is fits


def test_every_word_must_stand_somewhere() -> None:
    assert contains_words("Zoë Ruiz, Blue Wool", "WOOL zoË")
    assert not contains_words("Zoë Ruiz, Blue Wool", "zoë mill")
