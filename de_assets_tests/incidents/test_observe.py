"""What real runs are seen to have found: by check and day, and no value of any row."""

import dagster as dg
import pytest

from de_assets.incidents.findings import STEP
from de_assets.incidents.observe import observe
from de_assets_tests.incidents.runs import days
from de_assets_tests.incidents.small import DAILY, QUIET, SECRET, Small

ORDERS = "cleaned/orders"
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@pytest.fixture
def small(instance):
    return Small(instance)


def look(small, run_id):
    return observe(small.instance, small.graph, small.instance.get_run_by_id(run_id))


def rules(**failing):
    rows = [{"rule": name, "failing_rows": rows} for name, rows in failing.items()]
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows])


def days_of(findings, asset=ORDERS, check=STEP):
    return [each.days for each in findings if (each.asset, each.check) == (asset, check)]


def test_a_warning_of_a_successful_run_is_seen_with_the_days_it_names(small):
    metadata = {
        "failing_rows": 31,
        "checked_rows": 500,
        "failing_ranges": dg.MetadataValue.json([["2026-01-02", "2026-01-03"]]),
        "rules": rules(price_ge_0=31, quantity_parseable=0),
    }
    small.results["validity"] = {"passed": False, "severity": WARN, "metadata": metadata}
    seen = look(small, small.run(1, 5))
    (failing,) = seen.failing
    assert (failing.asset, failing.check, failing.severity) == (ORDERS, "validity", "warn")
    assert failing.days == days(2, 3)
    assert (failing.failing_rows, failing.text) == (31, "price_ge_0: 31")
    assert failing.owner == "team:data-platform"
    assert failing.downstream == ("modeled/customers", "modeled/sales", "features/activity")
    assert failing.runbook == "docs/runbooks/validity.md"
    assert days_of(seen.passing, check="validity") == [days(1, 4, 5)]
    assert days_of(seen.passing, check="conservation") == [days(1, 2, 3, 4, 5)]
    assert days_of(seen.passing) == [days(1, 2, 3, 4, 5)]


def test_ranges_may_be_json_as_text(small):
    text = '[["2026-01-02", "2026-01-02"]]'
    small.results["validity"] = {
        "passed": False,
        "severity": WARN,
        "metadata": {"failing_ranges": text, "checked_ranges": '[["2026-01-01", "2026-01-03"]]'},
    }
    seen = look(small, small.run(1, 9))
    assert days_of(seen.failing, check="validity") == [days(2)]
    assert days_of(seen.passing, check="validity") == [days(1, 3)]


def test_without_named_days_all_days_of_the_run_are_meant(small):
    small.results["validity"] = {"passed": False, "severity": WARN}
    seen = look(small, small.run(4, 6))
    assert days_of(seen.failing, check="validity") == [days(4, 5, 6)]
    assert days_of(seen.passing, check="validity") == []


def test_a_range_says_nothing_of_the_days_of_a_table_without_days(small):
    seen = look(small, small.run(1, 2, only=["modeled/customers"]))
    assert days_of(seen.passing, asset="modeled/customers") == [None]
    assert days_of(seen.passing, asset="modeled/customers", check="volume") == [None]


def test_a_blocking_check_is_one_finding_and_not_a_failed_step_too(small):
    small.results["conservation"] = {
        "passed": False,
        "severity": ERROR,
        "metadata": {"unaccounted_rows": 2, "raw_rows": 9},
    }
    seen = look(small, small.run(1, 2))
    assert seen.status == "FAILURE"
    assert [(each.check, each.severity) for each in seen.failing] == [("conservation", "error")]
    assert (seen.failing[0].failing_rows, seen.failing[0].text) == (
        2,
        "unaccounted_rows: 2; raw_rows: 9",
    )
    assert days_of(seen.passing) == [days(1, 2)]


def test_a_withheld_day_is_one_finding_and_not_a_failed_step_too(small):
    small.results["validity"] = {"passed": False, "severity": ERROR}
    small.error = dg.Failure("cleaned/orders was not published", allow_retries=False)
    assert [each.check for each in look(small, small.run()).failing] == ["validity"]


def test_a_step_that_breaks_for_another_reason_is_a_finding_of_its_own(small):
    small.results["validity"] = {"passed": False, "severity": ERROR}
    small.error = OSError(f"no space left for {SECRET}")
    seen = look(small, small.run(7))
    step = next(each for each in seen.failing if each.check == STEP)
    assert (step.asset, step.days, step.severity) == (ORDERS, days(7), "error")
    assert step.text == "the step failed: OSError"
    assert step.runbook == "docs/runbooks/step.md"
    assert days_of(seen.passing) == []


def test_no_message_of_an_error_is_repeated_since_it_may_hold_a_value(small):
    small.results["customers"] = {"fails": True}
    seen = look(small, small.run(only=["modeled/customers"]))
    (failing,) = seen.failing
    assert (failing.asset, failing.days, failing.text) == (
        "modeled/customers",
        None,
        "the step failed: ValueError",
    )
    assert SECRET not in str(seen)


def test_descriptions_and_texts_of_a_check_are_not_repeated_either(small):
    small.results["validity"] = {
        "passed": False,
        "severity": WARN,
        "description": SECRET,
        "metadata": {"example": SECRET, "rejected_rows": 4, "ratio": 0.5, "is_new": True},
    }
    seen = look(small, small.run())
    assert seen.failing[0].text == "rejected_rows: 4; ratio: 0.5"
    assert SECRET not in str(seen)


def test_a_check_known_to_hold_names_and_numbers_is_quoted(small):
    text = "1 of 5 days are unusual: rows."
    small.results["volume"] = {"passed": False, "severity": WARN, "description": text}
    assert look(small, small.run(only=["modeled/customers"])).failing[0].text == text


def test_many_rules_are_shortened(small):
    many = {f"rule_{n}": n for n in range(1, 9)}
    small.results["validity"] = {"passed": False, "metadata": {"rules": rules(**many)}}
    (failing, *_) = look(small, small.run()).failing
    assert failing.text.endswith("rule_6: 6; and 2 more")
    assert failing.failing_rows == 36


def test_a_check_that_raises_is_a_finding_of_that_check(small):
    small.error = KeyError(SECRET)
    seen = look(small, small.run(only=["modeled/customers"]))
    (failing,) = seen.failing
    assert (failing.asset, failing.check) == ("modeled/customers", "volume")
    assert failing.text == "the step failed: KeyError"


@pytest.mark.parametrize("started", [("clean_orders",), ()])
def test_a_run_that_died_is_a_failure_of_the_step_it_was_in_or_would_have_begun_with(
    small, started
):
    seen = look(small, small.dies(*started))
    (failing,) = seen.failing
    assert (failing.asset, failing.check, failing.days) == (ORDERS, STEP, days(3))
    assert failing.text == "the run ended before this step did"


def test_a_cancelled_run_is_nobodys_failure(small):
    seen = look(small, small.dies("clean_orders", status=dg.DagsterRunStatus.CANCELED))
    assert (seen.status, seen.failing, seen.passing) == ("CANCELED", (), ())


def test_runs_of_other_code_locations_are_passed_over(small, instance):
    @dg.asset(check_specs=[dg.AssetCheckSpec("theirs", asset="foreign")])
    def foreign():
        yield dg.AssetCheckResult(passed=False)
        raise ValueError(SECRET)

    done = dg.materialize([foreign], instance=instance, raise_on_error=False)
    seen = look(small, done.run_id)
    assert seen.failing == seen.passing == ()


@pytest.mark.parametrize(("partitions", "seen_days"), [(DAILY, days(2)), (None, None)])
def test_a_check_by_partition_is_about_that_partition_if_it_is_a_day(
    instance, partitions, seen_days
):
    by = partitions or dg.StaticPartitionsDefinition(["north", "south"])
    key = "2026-01-02" if partitions else "north"

    @dg.asset(partitions_def=by, check_specs=[dg.AssetCheckSpec("theirs", asset="regional")])
    def regional():
        yield dg.AssetCheckResult(passed=False, severity=WARN)
        yield dg.MaterializeResult()

    @dg.asset_check(asset=regional, partitions_def=by, name="own")
    def own() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=WARN)

    defs = dg.Definitions([regional], asset_checks=[own])
    done = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, partition_key=key, run_config=QUIET
    )
    run = instance.get_run_by_id(done.run_id)
    seen = observe(instance, defs.resolve_asset_graph(), run)
    assert {each.check: each.days for each in seen.failing} == {
        "theirs": seen_days,
        "own": seen_days,
    }
