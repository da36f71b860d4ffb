"""Who gets the same token, who does not, and what a token gives away."""

import polars as pl
import pytest

from de_assets.transforms.tokens import TOKEN_CHARACTERS, normalise, tokenise
from de_assets_tests.world import PII_KEY


def tokens(*values, key=PII_KEY):
    return tokenise(pl.Series(values, dtype=pl.String), key).to_list()


@pytest.mark.parametrize(
    "writings",
    [
        ("anna@example.com", "Anna@Example.COM", "  anna@example.com\n"),
        ("straße@example.com", "STRASSE@example.com"),
        ("+44 20 7946 0000", "442079460000", "(44) 20-7946-0000", "44.20.7946/0000"),
        ("442079460000", "442079460000.0"),
    ],
)
def test_one_identifier_has_one_token_however_it_is_written(writings):
    assert len(set(tokens(*writings))) == 1


def test_different_people_have_different_tokens():
    several = tokens(
        "anna@example.com", "anna@example.org", "442079460000", "442079460001", "12345"
    )

    assert len(set(several)) == 5


def test_another_key_makes_another_token():
    assert tokens("anna@example.com") != tokens("anna@example.com", key=b"another")


def test_nothing_stays_nothing():
    assert tokens(None, "a", None)[::2] == [None, None]
    assert tokens(None, None) == [None, None]
    assert tokens() == []


def test_a_token_is_of_fixed_length_and_says_nothing_of_the_value():
    short, long = tokens("a", "a" * 1000)

    assert len(short) == len(long) == TOKEN_CHARACTERS
    assert set(short + long) <= set("0123456789abcdef")


@pytest.mark.parametrize("text", ["12345", "route 66 no 123456", "a@123456.com", ""])
def test_only_what_looks_like_a_phone_is_read_as_one(text):
    assert normalise(text) == text
