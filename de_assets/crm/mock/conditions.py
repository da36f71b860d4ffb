"""Pieces of SQL with the values that are bound to them. Used by search.py and search_index.py."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """A piece of SQL and the values bound to its question marks."""

    sql: str
    arguments: tuple[object, ...] = ()


def joined(word: str, conditions: Sequence[Condition]) -> Condition:
    """Return the conditions with a word between them, in brackets."""
    return Condition(
        "(" + word.join(condition.sql for condition in conditions) + ")",
        tuple(argument for condition in conditions for argument in condition.arguments),
    )
