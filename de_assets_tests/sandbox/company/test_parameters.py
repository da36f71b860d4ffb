from datetime import UTC, date, datetime

import pytest

from de_assets.sandbox.company import Company, CompanyError, Dirt


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"start": date(2025, 2, 1), "end": date(2025, 1, 1)}, "ends before it starts"),
        ({"start": datetime(2025, 1, 1, tzinfo=UTC)}, "are days"),
        ({"contacts": 0}, "contacts must be positive"),
        ({"orders_per_month": -1.0}, "orders_per_month must be positive"),
        ({"products": 100_000}, "more than there are codes"),
        ({"events_per_day": -1}, "events_per_day is below zero"),
        ({"buyer_share": 1.0}, "buyer_share must lie between"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters: dict, message: str):
    with pytest.raises(CompanyError, match=message):
        Company(**parameters)


def test_a_share_of_dirt_above_one_is_refused():
    with pytest.raises(CompanyError, match=r"Dirt\.untrimmed is not a share"):
        Dirt(untrimmed=1.2)
