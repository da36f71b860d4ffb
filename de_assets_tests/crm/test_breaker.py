"""What holds a plan back before it is sent, and stops it while it is."""

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl
import pytest

from de_assets.crm.breaker import (
    FEWEST_CONTACTS,
    HOLDS,
    STOP,
    STOP_SECONDS,
    Finding,
    Holds,
    Limits,
    StopSign,
    find_excesses,
    newest_snapshot,
    score_shift_points,
)
from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.plan import Mode, make_plan
from de_assets.crm.push import PushStoppedError, push
from de_assets.storage.objects import ObjectStore
from de_assets.transforms.learning import _version
from de_assets_tests.crm.leads import MONDAY, TUESDAY, Portal, contacts_of, scores_of
from de_assets_tests.crm.test_plan import ledger_of
from de_assets_tests.crm.writing_back import acknowledged, scores_held

MANY = FEWEST_CONTACTS * 2


def _plan(
    before: Mapping[str, int],
    after: Mapping[str, int],
    *,
    mode: Mode = "update_only",
    unknown: int = 0,
    model_version: str = "v1",
) -> pl.DataFrame:
    """The plan of Tuesday for contacts who had scores on Monday, and others not in the CRM."""
    crm_ids = {key: str(n) for n, key in enumerate({**before, **after})}
    ledger = ledger_of(scores_of(MONDAY, before), {key: crm_ids[key] for key in before})
    scores = {**after, **{f"new-{n}": 50 for n in range(unknown)}}
    frame = scores_of(TUESDAY, scores).with_columns(model_version=pl.lit(model_version))
    return make_plan(frame, contacts_of(crm_ids), ledger.lazy(), mode).collect()


def _found(plan: pl.DataFrame, *, is_first: bool = False, **limits: float) -> list[str]:
    chosen = Limits.model_validate(limits)
    found = find_excesses(plan, chosen, day=TUESDAY, is_first=is_first, broken_rules=())
    return [each.limit for each in found]


def _scores(count: int, score: int = 40) -> dict[str, int]:
    return {f"c-{number}": score for number in range(count)}


def _moved(count: int, moved: int, *, by: int) -> dict[str, int]:
    return {key: 40 + (by if n < moved else 1) for n, key in enumerate(_scores(count))}


def test_a_usual_day_is_within_the_limits() -> None:
    assert _found(_plan(_scores(MANY), _moved(MANY, MANY // 5, by=10))) == []


@pytest.mark.parametrize(("moved", "limit"), [(80, []), (81, ["changed_share"])])
def test_a_share_of_changed_contacts_beyond_the_limit_holds_the_plan(
    moved: int, limit: list[str]
) -> None:
    plan = _plan(_scores(100), _moved(100, moved, by=5))

    assert _found(plan, changed_share=0.8, score_shift_points=100) == limit


def test_another_grade_counts_as_a_change_and_a_point_more_does_not() -> None:
    before, after = _scores(MANY, 49), _scores(MANY, 50)  # C, B

    assert _found(_plan(before, after), score_shift_points=100) == ["changed_share"]
    assert _found(_plan(_scores(MANY, 40), _scores(MANY, 41)), score_shift_points=100) == []


@pytest.mark.parametrize(("by", "limit"), [(10, []), (11, ["score_shift_points"])])
def test_a_shift_of_the_distribution_beyond_the_limit_holds_the_plan(
    by: int, limit: list[str]
) -> None:
    plan = _plan(_scores(MANY), _moved(MANY, MANY, by=by))

    assert _found(plan, score_shift_points=10, changed_share=1) == limit


def test_scores_that_only_change_places_are_no_shift_of_the_distribution() -> None:
    before = {f"c-{n}": n for n in range(100)}
    after = {f"c-{n}": 99 - n for n in range(100)}

    assert _found(_plan(before, after), score_shift_points=0, changed_share=1) == []


def test_the_shift_is_the_mean_difference_of_scores_of_the_same_rank() -> None:
    before = pl.Series(["10", "20", "30", "40"])

    assert score_shift_points(before, pl.Series(["40", "10", "30", "60"])) == 10.0
    assert score_shift_points(before, before.reverse()) == 0.0


def test_few_contacts_are_not_judged_by_shares() -> None:
    before = _scores(FEWEST_CONTACTS - 1)

    assert _found(_plan(before, dict.fromkeys(before, 95))) == []


def test_more_cleared_scores_than_allowed_hold_the_plan() -> None:
    before = _scores(100)

    some = _plan(before, _scores(90), mode="mirror")
    more = _plan(before, _scores(89), mode="mirror")

    assert _found(some, cleared_share=0.1) == []
    assert _found(more, cleared_share=0.1) == ["cleared_share"]


def test_more_new_contacts_than_allowed_hold_the_plan() -> None:
    plan = _plan(_scores(3), _scores(3), mode="upsert", unknown=5)

    assert _found(plan, creates=4) == ["creates"]
    assert _found(plan, creates=5) == []


@pytest.mark.parametrize(("age", "limit"), [(180, []), (181, ["model_age_days"])])
def test_a_model_older_than_allowed_against_the_scored_day_holds_the_plan(
    age: int, limit: list[str]
) -> None:
    version = f"{TUESDAY - timedelta(days=age):%Y%m%d}-64b332368c"

    plan = _plan(_scores(3), _moved(3, 3, by=9), model_version=version)

    assert _found(plan) == limit


def test_the_version_of_a_model_tells_the_newest_day_that_it_learned_from() -> None:
    training_set = pl.DataFrame({"as_of": [date(2011, 5, 1), date(2011, 6, 1)]})

    assert newest_snapshot(_version(training_set, 30)) == date(2011, 6, 1)
    assert newest_snapshot("v1") is None
    assert newest_snapshot("20111301-x") is None


def test_the_first_write_back_is_not_held_up_by_what_there_is_nothing_to_compare_with() -> None:
    plan = _plan({}, {}, mode="upsert", unknown=2000, model_version="20000101-x")

    assert _found(plan, is_first=True) == []
    assert _found(plan) == ["creates", "model_age_days"]


def test_scores_that_break_their_contract_hold_even_the_first_plan() -> None:
    plan = _plan({}, _scores(1))

    (finding,) = find_excesses(
        plan, Limits(), day=TUESDAY, is_first=True, broken_rules=("score.in_range",)
    )

    assert finding.limit == "contract"
    assert "score.in_range" in finding.text


def test_a_plan_that_would_write_nothing_is_within_all_limits() -> None:
    plan = _plan({}, {}, unknown=3, model_version="20000101-x")

    assert set(plan["action"]) == {"skip"}
    assert (
        find_excesses(plan, Limits(), day=TUESDAY, is_first=False, broken_rules=("score.ge",)) == []
    )


def test_a_finding_tells_numbers_and_no_contact() -> None:
    plan = _plan(_scores(100), _scores(100, 95))

    found = find_excesses(plan, Limits(), day=TUESDAY, is_first=False, broken_rules=())

    assert [each.text for each in found] == [
        "100% of 100 contacts would get another grade or a score 5 points off; 80% are allowed",
        "the distribution of 100 scores shifts by 55.0 points of 100; 10 are allowed",
    ]


def test_a_held_day_stays_held_until_its_plan_is_within_the_limits(objects: ObjectStore) -> None:
    holds = Holds(objects)

    holds.put(TUESDAY, [Finding("creates", "too many")])

    assert holds.reasons(TUESDAY) == [Finding("creates", "too many")]
    assert holds.reasons(MONDAY) == []
    holds.put(TUESDAY, [])
    holds.put(MONDAY, [])
    assert holds.reasons(TUESDAY) == []
    assert list(objects.list(HOLDS)) == []


def test_the_stop_sign_is_seen_within_seconds_and_the_lake_is_not_asked_each_time(
    objects: ObjectStore,
) -> None:
    now = [0.0]
    sign = StopSign(objects, Limits(), clock=lambda: now[0])
    assert sign(0, 0) is None

    objects.write(STOP, b"")

    assert sign(100, 0) is None
    now[0] += STOP_SECONDS
    assert sign(200, 0) == "crm/_ledger/STOP is in the lake; remove it to go on"


def test_the_stop_sign_is_no_part_of_the_ledger(objects: ObjectStore) -> None:
    objects.write(STOP, b"")

    assert Ledger(objects).read().is_empty()
    assert Ledger(objects).forget(["a"]) == 0


def test_a_running_push_stops_between_two_batches_and_goes_on_when_the_sign_is_gone(
    portal: Portal, client: CrmClient, objects: ObjectStore
) -> None:
    crm_ids = portal.fill(client, ["a", "b", "c"])
    ledger = Ledger(objects)
    scores = scores_of(MONDAY, {"a": 10, "b": 20, "c": 30})
    plan = make_plan(scores, contacts_of(crm_ids), ledger.read().lazy(), "update_only").collect()
    now = [0.0]
    sign = StopSign(objects, Limits(), clock=lambda: now[0])

    def put_up_after_the_first(_done: int, _total: int) -> None:
        objects.write(STOP, b"")
        now[0] += STOP_SECONDS

    with pytest.raises(PushStoppedError, match="STOP is in the lake"):
        push(
            client,
            plan,
            ledger,
            "run-0001",
            progress=put_up_after_the_first,
            should_stop=sign,
            batch_size=1,
        )

    assert acknowledged(ledger) == {"a"}
    objects.delete(STOP)
    push(client, plan, ledger, "run-0002", should_stop=StopSign(objects, Limits()))
    assert scores_held(client) == {"a": "10", "b": "20", "c": "30"}


@pytest.mark.parametrize(
    ("answered", "rejected", "stops"),
    [(199, 199, False), (200, 100, False), (200, 101, True), (1000, 499, False)],
)
def test_a_push_stops_when_more_than_the_allowed_share_is_rejected(
    objects: ObjectStore, answered: int, rejected: int, stops: bool
) -> None:
    sign = StopSign(objects, Limits(rejected_share=0.5))

    reason = sign(answered, rejected)

    assert (reason is not None) == stops
    assert reason is None or "101 of 200 rows were rejected, and 50% are allowed" in reason
