"""Matching words in text, as SQL functions for search (see search.py) and the leads page.

Every match takes time linear in the text, whatever the pattern.
"""

import re

_SEPARATORS = re.compile(r"[^\w]+")


def contains_words(text: str, query: str) -> bool:
    """Whether every word of the query stands somewhere in the text, ignoring case."""
    folded = text.casefold()
    return all(word in folded for word in query.casefold().split())


def matches_tokens(value: str | None, pattern: str) -> bool:
    """Whether a value has all words of the pattern, where * stands for any characters.

    The whole value and each part between blanks count as words too, so that "*@example.com" fits
    an e-mail address. A missing value has no words.
    """
    if value is None:
        return False
    folded = value.casefold()
    words = {folded, *folded.split(), *_SEPARATORS.split(folded)}
    return all(any(_fits(word, part) for word in words) for part in pattern.casefold().split())


def _fits(word: str, pattern: str) -> bool:
    head, *rest = pattern.split("*")
    if not rest:
        return word == pattern
    *inner, tail = rest
    end = len(word) - len(tail)
    position = len(head)
    if position > end or not word.startswith(head) or not word.endswith(tail):
        return False
    for part in inner:
        found = word.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True
