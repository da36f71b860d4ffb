"""Keyed tokens for direct identifiers.

Equal values give equal tokens, and nobody without the key can tell whose they are, or try out a
list of addresses.
"""

import hashlib
import hmac
import re
from collections.abc import Callable

import polars as pl

TOKEN_CHARACTERS = 32  # 128 bits: no two people of any company meet by chance
TokenKey = Callable[[], bytes]  # asked when a token is made: the key may lie in another system


def tokenise(values: pl.Series, key: bytes) -> pl.Series:
    """HMAC-SHA256 of each normalised value, shortened (String to String; null stays null)."""
    unique = values.drop_nulls().unique()
    tokens = {value: _token(value, key) for value in unique.to_list()}
    return values.replace_strict(tokens, default=None, return_dtype=pl.String)


def normalise(value: str) -> str:
    """One writing for all of an identifier: no case, no blanks, and of a phone its digits alone."""
    text = value.strip().casefold()
    text = re.sub(r"^([0-9]+)\.0+$", r"\1", text)  # a phone that went through a spreadsheet
    digits = re.sub(r"[^0-9]", "", text)
    return digits if len(digits) >= 6 and re.fullmatch(r"[0-9 ()+./-]+", text) else text


def _token(value: str, key: bytes) -> str:
    digest = hmac.new(key, normalise(value).encode(), hashlib.sha256)
    return digest.hexdigest()[:TOKEN_CHARACTERS]


def to_token(text: pl.Expr, key: TokenKey) -> pl.Expr:
    """The tokens of a text column (String to String), lazily."""
    return text.map_batches(
        lambda values: tokenise(values, key()), return_dtype=pl.String, is_elementwise=True
    )
