import re
from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from de_assets.sandbox.company import Company, CompanyError, Dirt, contacts

from .conftest import Delivered

# Ranges kept free for fiction: Ofcom, BNetzA, Arcep, ComReg, PTS, 555-01xx, ACMA.
FICTITIOUS = re.compile(
    r"\+44 20 7946 0\d{3}|\+49 30 23125 \d{3}|\+33 1 99 00 \d{4}|\+353 20 91\d{5}"
    r"|\+46 8 465 004 \d{2}|\+1 212 555 01\d{2}|\+61 2 5550 \d{4}"
)


def test_contacts_have_the_canonical_columns_and_one_row_each(delivered: Delivered):
    frame = contacts(delivered.company)

    assert frame.schema == pl.Schema(
        dict.fromkeys(
            (
                "contact_id", "email", "first_name", "last_name", "phone", "company", "country",
                "channel", "lifecycle_stage",
            ),
            pl.String,
        )
        | {"created_at": pl.Datetime("us", "UTC")}
    )  # fmt: skip
    assert frame["contact_id"].is_unique().all()
    assert delivered.written.contacts == frame.height


def test_nobody_in_the_company_can_be_reached(delivered: Delivered):
    frame = contacts(delivered.company)
    emails, phones = frame["email"].drop_nulls(), frame["phone"].drop_nulls()

    assert emails.str.contains(r"@example\.(com|org)$").all()
    assert emails.str.to_lowercase().is_unique().all()
    assert phones.len() > 900
    assert all(FICTITIOUS.fullmatch(phone) for phone in phones)


def test_contacts_arrive_over_time(delivered: Delivered):
    company = delivered.company
    middle = company.start + timedelta(days=company.length_days // 2)

    early, late = contacts(company, as_of=company.start), contacts(company, as_of=company.end)
    then = contacts(company, as_of=middle)
    assert 0.35 < early.height / late.height < 0.45
    assert then["created_at"].max().date() <= middle
    assert set(early["contact_id"]) < set(then["contact_id"]) < set(late["contact_id"])


def test_the_stage_tells_nothing_of_the_future_unless_asked_for(delivered: Delivered):
    company = delivered.company
    entered = contacts(company).join(contacts(company, as_of=company.end), on="contact_id")
    is_new = pl.col("created_at").dt.date() >= company.start

    new = entered.filter(is_new)
    assert "customer" not in new["lifecycle_stage"].to_list()
    assert (new["lifecycle_stage_right"] == "customer").mean() > 0.3
    assert set(entered["lifecycle_stage"]) == {
        "subscriber", "lead", "marketingqualifiedlead", "customer",
    }  # fmt: skip


def test_a_few_who_order_are_not_in_the_crm(delivered: Delivered, sales: pl.DataFrame):
    ordering = set(sales["customer"].drop_nulls())
    known = set(contacts(delivered.company)["contact_id"])

    missing = len(ordering - known)
    # Who was registered late may be missing at the end as well.
    assert missing >= delivered.written.contacts_missing_from_crm
    assert 0.005 < missing / len(ordering) < 0.04


def test_some_contacts_are_registered_after_their_first_order(delivered: Delivered, sales):
    first = sales.drop_nulls("customer").group_by("customer").agg(pl.col("ordered").min().dt.date())
    known = contacts(delivered.company).join(first, left_on="contact_id", right_on="customer")

    late = known.filter(pl.col("created_at").dt.date() > pl.col("ordered"))
    assert 0 < late.height < 0.03 * known.height


def test_names_have_blanks_and_notes_and_countries_other_spellings():
    dirty = Company(contacts=800, dirt=replace(Dirt(), messy_contacts=0.3))

    frame = contacts(dirty)

    assert frame["first_name"].str.starts_with(" ").any()
    assert frame["last_name"].str.contains(r"[(\[-]").any()
    assert {"UK", "United Kingdom", "EIRE"} <= set(frame["country"])


def test_a_day_outside_the_company_is_refused():
    with pytest.raises(CompanyError, match="not a part of the company's days"):
        contacts(Company(), as_of=date(2030, 1, 1))
