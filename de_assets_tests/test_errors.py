"""Errors tell what happened, where, and the fix."""

import inspect

import pytest

from de_assets import errors
from de_assets.errors import DeAssetsError


def test_an_error_tells_what_where_and_the_fix_in_this_order():
    error = DeAssetsError("it broke", where="cleaned/events", fix="mend it")

    assert str(error) == "it broke\n  where: cleaned/events\n  fix:   mend it"
    assert (error.what, error.where, error.fix) == ("it broke", "cleaned/events", "mend it")


@pytest.mark.parametrize(
    ("known", "text"),
    [({}, "it broke"), ({"fix": "mend it"}, "it broke\n  fix:   mend it")],
)
def test_what_is_not_known_takes_no_line(known: dict[str, str], text: str):
    assert str(DeAssetsError("it broke", **known)) == text


def test_every_error_is_one_of_the_family():
    found = [
        error
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if error.__module__ == errors.__name__
    ]

    assert len(found) > 5
    assert all(issubclass(error, DeAssetsError) for error in found)
