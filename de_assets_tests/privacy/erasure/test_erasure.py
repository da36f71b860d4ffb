"""A person is erased from every place, for good, and nobody else is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from de_assets.crm.ledger import Ledger
from de_assets.deployment import Deployment
from de_assets.errors import CrmUnavailableError
from de_assets.privacy.audit_log import AuditLog
from de_assets.privacy.erasure import UnknownContactError
from de_assets.privacy.find_subject import AmbiguousContactError
from de_assets.privacy.holders import Erasure
from de_assets.privacy.keys import Keyring
from de_assets.privacy.landing import files_holding
from de_assets.privacy.tombstones import PENDING_PREFIX
from de_assets.storage.s3 import S3Options
from de_assets_tests.canary import files_below, holders, versions_below
from de_assets_tests.privacy.erasure.company import BOB, CANARY, JANE, Company, differing


def test_no_byte_of_an_erased_person_is_left_and_a_replay_brings_nothing_back(
    company_on_s3: Company, tmp_path: Path, s3_options: S3Options
) -> None:
    company = company_on_s3
    before = holders(versions_below(company.lake_uri, s3_options), CANARY)
    assert set().union(*before.values()) == set(CANARY)

    receipt = company.eraser().erase(JANE)

    assert holders(versions_below(company.lake_uri, s3_options), CANARY) == {}
    assert holders(files_below(tmp_path / "crm"), CANARY) == {}
    assert receipt.counts["old_versions"] > 0
    erased = company.tables()
    company.ingest()
    assert holders(versions_below(company.lake_uri, s3_options), CANARY) == {}
    assert differing(erased, company.tables()) == []


def test_what_erasure_leaves_is_what_a_run_would_make(company: Company) -> None:
    company.eraser().erase(JANE)
    erased = company.tables()

    company.ingest()

    assert differing(erased, company.tables()) == []
    assert len(erased) > 40


def test_order_lines_stay_for_the_books_without_the_person(company: Company) -> None:
    def sums() -> pl.DataFrame:
        facts = company.lake.scan_days(
            "modeled/fct_order_line", company.lake.days("modeled/fct_order_line")
        )
        return facts.group_by("dt").agg(pl.len(), pl.col("revenue").sum()).sort("dt").collect()

    before = sums()

    company.eraser().erase(JANE)

    assert sums().equals(before)
    raw = company.lake.scan_days_of_any_type(
        "raw/order_lines", company.lake.days("raw/order_lines")
    )
    kept = raw.select("order_id", "contact_id", "_extra", "description").collect()
    of_bob = kept.filter(pl.col("contact_id").is_not_null())
    assert set(of_bob["contact_id"]) == {BOB}
    extra = dict(kept.select("order_id", "_extra").drop_nulls().iter_rows())
    assert extra == {"A3": '{"buyer":"Bob"}'}
    assert kept.filter(order_id="A3")["description"].to_list() == ["vase", None]


def test_events_go_by_contact_else_visitor_else_session(company: Company) -> None:
    company.eraser().erase(JANE)

    events = company.lake.scan_days("cleaned/events", company.lake.days("cleaned/events"))
    # A visitor and a session that BOB has too tell nothing of JANE alone.
    assert events.select("event_id").collect()["event_id"].to_list() == ["e5", "e6", "e8", "e9"]


def test_everybody_else_keeps_all_rows(company: Company) -> None:
    def of_bob() -> dict[str, pl.DataFrame]:
        frames = {k: f for k, f in company.tables().items() if "contact_id" in f.columns}
        return {
            key: frame.filter(pl.col("contact_id").cast(pl.String) == BOB).drop(
                "_extra", "description", strict=False
            )
            for key, frame in frames.items()
        }

    before = of_bob()

    company.eraser().erase(JANE)

    assert differing(before, of_bob()) == []
    assert company.crm_contacts() == {BOB}
    assert Ledger(company.lake.objects).read()["contact_id"].to_list() == [BOB]


def test_the_receipt_tells_counts_and_no_value(company: Company) -> None:
    said: list[str] = []

    receipt = company.eraser(actor="officer", say=said.append).erase(JANE, "consent")

    assert receipt.counts["crm_records"] == receipt.counts["subject_keys"] == 1
    assert receipt.counts["raw_order_lines"] == 9
    assert receipt.counts["raw_events"] == 5
    assert receipt.counts["identifiers_shared_with_others"] == 2  # a visitor, a session
    log = AuditLog(company.lake.objects, Keyring.from_settings(company.settings))
    (entry,) = log.verify().entries
    assert (entry.actor, entry.action, entry.number) == ("officer", "erase", receipt.entry)
    assert entry.details == {**receipt.counts, "reason_consent": 1}
    assert log.verify().head == receipt.head
    audit = b"".join(
        company.lake.objects.read(i.key)[0] for i in company.lake.objects.list("audit/")
    )
    assert holders([("audit", audit), ("said", "\n".join(said).encode())], CANARY) == {}


@pytest.mark.parametrize("given", [CANARY["e-mail"].upper(), f" {JANE} "])
def test_a_person_is_known_by_contact_id_and_by_e_mail(company: Company, given: str) -> None:
    company.eraser().erase(given)

    content = [(key, frame.write_ndjson().encode()) for key, frame in company.tables().items()]
    assert holders(content, CANARY) == {}


@pytest.mark.parametrize("given", [JANE, CANARY["e-mail"]])
def test_erasing_again_changes_nothing_and_says_so(company: Company, given: str) -> None:
    company.eraser().erase(JANE)
    before = company.tables()

    receipt = company.eraser().erase(given)

    assert receipt.was_erased_before
    assert sum(n for name, n in receipt.counts.items() if name != "old_versions") == 0
    assert differing(before, company.tables()) == []


@pytest.mark.parametrize("given", ["nobody", "nobody@nowhere.example", "visitor-of-jane"])
def test_an_unknown_contact_is_an_error_that_does_not_repeat_the_name(
    company: Company, given: str
) -> None:
    with pytest.raises(UnknownContactError) as refused:
        company.eraser().erase(given)

    assert given not in str(refused.value)
    assert list(company.lake.objects.list("identity/_eras")) == []


def test_an_address_of_two_contacts_is_refused(company: Company) -> None:
    raw = company.lake.scan_days_of_any_type("raw/contacts", [date(2026, 1, 5)]).collect()
    twin = raw.filter(contact_id=JANE).with_columns(contact_id=pl.lit("999"), crm_id=pl.lit("999"))
    company.lake.write("raw/contacts", pl.concat([raw, twin]).drop("dt"), date(2026, 1, 5))

    with pytest.raises(AmbiguousContactError, match="2 contacts"):
        company.eraser().erase(CANARY["e-mail"])
    company.eraser().erase(JANE)

    left = company.lake.scan_days_of_any_type("raw/contacts", [date(2026, 1, 5)]).collect()
    assert set(left["contact_id"]) == {BOB, "999"}


class Killed(Exception):  # noqa: N818  it stands for a kill, not for an error
    """The process was killed here."""


@dataclass(frozen=True)
class Deadly:
    """A holder of which the process dies."""

    error: Exception

    def erase(self, _: Erasure) -> Mapping[str, int]:
        raise self.error


@pytest.mark.parametrize("step", range(7))
def test_an_erasure_that_is_killed_at_any_step_is_finished_by_the_next(
    company: Company, erased_tables: Mapping[str, pl.DataFrame], step: int
) -> None:
    eraser = company.eraser()
    with pytest.raises(Killed):
        replace(eraser, holders=[*eraser.holders[:step], Deadly(Killed())]).erase(JANE)

    company.eraser().erase(JANE)

    content = [(i.key, company.lake.objects.read(i.key)[0]) for i in company.lake.objects.list()]
    assert holders(content, CANARY) == {}
    assert company.crm_contacts() == {BOB}
    assert not list(company.lake.objects.list(PENDING_PREFIX))
    assert differing(erased_tables, company.tables()) == []


def test_a_crm_that_is_away_leaves_the_erasure_open_until_it_answers(company: Company) -> None:
    eraser = company.eraser()
    away = Deadly(CrmUnavailableError("the CRM did not answer"))
    with pytest.raises(CrmUnavailableError):
        replace(eraser, holders=[*eraser.holders[:-1], away]).erase(JANE)
    pending = [
        company.lake.objects.read(i.key)[0] for i in company.lake.objects.list(PENDING_PREFIX)
    ]
    assert holders([("pending", pending[0])], CANARY) == {}
    assert not list(company.lake.objects.list("audit/"))

    receipt = company.eraser().erase(CANARY["e-mail"])

    assert receipt.counts["crm_records"] == 1
    assert company.crm_contacts() == {BOB}
    assert not list(company.lake.objects.list(PENDING_PREFIX))


def test_landing_files_that_still_hold_the_person_are_named_and_not_touched(
    company: Company, tmp_path: Path
) -> None:
    before = dict(files_below(tmp_path / "landing"))
    receipt = company.eraser().erase(JANE)
    catalog = Deployment(company.settings).catalog

    found = {
        (file.table, Path(file.key).name): file.rows
        for file in files_holding(catalog, receipt.person)
    }

    assert found == {
        ("order_lines", "all.csv"): 8,
        ("order_lines", "again.parquet"): 1,
        ("events", "all.jsonl"): 5,
    }
    assert dict(files_below(tmp_path / "landing")) == before
