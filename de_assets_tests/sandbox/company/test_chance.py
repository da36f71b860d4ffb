import numpy as np
import pytest

from de_assets.sandbox.company.chance import Chance, hexadecimal


def test_a_draw_depends_on_what_it_is_about_and_on_nothing_else():
    chance = Chance(1)
    things = np.arange(1_000)

    all_at_once = chance.uniform("size", things)
    one_alone = chance.uniform("size", 700)

    assert all_at_once[700] == one_alone[0]
    assert chance.uniform("price", 700) != one_alone
    assert Chance(2).uniform("size", 700) != one_alone
    assert chance.uniform("size", 7, 3) != chance.uniform("size", 3, 7)


def test_draws_are_spread_evenly_and_neighbours_are_unrelated():
    drawn = Chance(1).uniform("spread", np.arange(300)[:, None], np.arange(300)[None, :])

    counts, _ = np.histogram(drawn, bins=20, range=(0, 1))
    assert counts == pytest.approx(np.full(20, 4_500), rel=0.06)
    for left, right in ((drawn[1:], drawn[:-1]), (drawn[:, 1:], drawn[:, :-1])):
        assert abs(np.corrcoef(left.ravel(), right.ravel())[0, 1]) < 0.015


def test_picks_follow_their_shares():
    picked = Chance(1).pick((0.5, 0.3, 0.2), "colour", np.arange(20_000))

    assert np.bincount(picked) / 20_000 == pytest.approx([0.5, 0.3, 0.2], abs=0.02)


def test_hexadecimal_digits_are_those_of_the_number():
    keys = np.array([0x0123456789ABCDEF, 0xFF], dtype=np.uint64)

    assert hexadecimal(keys, 16).tolist() == ["0123456789abcdef", "00000000000000ff"]
    assert hexadecimal(keys, 4).tolist() == ["0123", "0000"]
