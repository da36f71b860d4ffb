"""`de-assets erase` and `de-assets sweep`, as a person meets them."""

from collections.abc import Mapping

import pytest
from click.testing import CliRunner, Result

from de_assets.cli import main
from de_assets_tests.canary import files_below, holders
from de_assets_tests.crm.mock.api import TOKEN
from de_assets_tests.privacy.erasure.company import BOB, CANARY, JANE, Company


@pytest.fixture
def environment(company: Company) -> Mapping[str, str]:
    return {
        "DE_ASSETS_LAKE": company.lake_uri,
        "DE_ASSETS_SOURCES": str(company.folder / "sources.yaml"),
        "CRM_BASE_URL": company.crm_url,
        "CRM_ACCESS_TOKEN": TOKEN,
    }


def _run(environment: Mapping[str, str], *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, arguments, env=environment, input=answer)


def test_erase_erases_prints_counts_and_names_the_landing_files(
    company: Company, environment: Mapping[str, str]
) -> None:
    result = _run(environment, "erase", JANE, "--reason", "consent", "--actor", "me", "--yes")

    assert result.exit_code == 0, result.output
    assert "all.jsonl: 5 rows" in result.output
    assert "crm_records" in result.output
    assert holders([("output", result.output.encode())], CANARY) == {}
    assert holders(files_below(company.folder / "lake"), CANARY) == {}
    assert company.crm_contacts() == {BOB}


def test_erase_asks_first_and_does_nothing_without_a_yes(
    company: Company, environment: Mapping[str, str]
) -> None:
    result = _run(environment, "erase", JANE, answer="n\n")

    assert result.exit_code == 1
    assert set(company.crm_contacts()) == {JANE, BOB}


def test_erase_again_says_so(environment: Mapping[str, str]) -> None:
    _run(environment, "erase", JANE, "--yes")

    result = _run(environment, "erase", CANARY["e-mail"], "--yes")

    assert result.exit_code == 0
    assert "erased before" in result.output


def test_an_unknown_contact_is_explained_with_exit_status_2(
    environment: Mapping[str, str],
) -> None:
    result = _run(environment, "erase", "nobody", "--yes")

    assert result.exit_code == 2
    assert "no such contact" in result.output
    assert "nobody" not in result.output


def test_a_reason_in_free_words_is_refused(environment: Mapping[str, str]) -> None:
    result = _run(environment, "erase", JANE, "--reason", "Jane called", "--yes")

    assert result.exit_code == 2


def test_sweep_lists_and_removes(company: Company, environment: Mapping[str, str]) -> None:
    sources = company.folder / "sources.yaml"
    sources.write_text(sources.read_text().replace("2026-01-05", "2027-06-01"))

    dry = _run(environment, "sweep", "--dry-run")
    done = _run(environment, "sweep")
    again = _run(environment, "sweep", "--dry-run")

    assert [dry.exit_code, done.exit_code, again.exit_code] == [0, 0, 0]
    assert "raw/order_lines" in dry.output
    assert "_extra" in dry.output
    assert "would be removed" in dry.output
    assert "overdue as of 2027-06-01: removed" in done.output
    assert again.output.startswith("0 overdue")
