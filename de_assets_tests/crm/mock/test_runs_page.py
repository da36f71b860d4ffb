"""The page of sync runs: what each run wrote, of which day and model, and what still stands."""

from pathlib import Path

from de_assets.crm.mock import running_crm
from de_assets.crm.mock.store import Store
from de_assets_tests.crm.mock.api import TOKEN, Api, Clock
from de_assets_tests.crm.mock.webpages import listed, page, text_of


def write(api: Api, run_id: str, ids: list[str], points: str, day: str, model: str = "m1") -> None:
    properties = {
        "lead_score": points,
        "lead_scored_at": day,
        "lead_score_model_version": model,
        "lead_score_run_id": run_id,
    }
    answer = api.batch("update", [{"id": each, "properties": properties} for each in ids])
    assert answer.status_code == 200


def test_a_run_is_told_by_when_how_many_which_model_and_which_day(
    empty_api: Api, clock: Clock
) -> None:
    ids = [empty_api.create(firstname="Ana") for _ in range(3)]
    write(empty_api, "run-1", ids, "50", "2011-11-29")
    clock.advance(86_400)
    write(empty_api, "run-2", ids[:1], "60", "2011-11-30", "m2")
    clock.advance(300)
    write(empty_api, "run-2", ids[1:2], "61", "2011-11-30", "m2")

    html = page(empty_api, "/runs")

    text = text_of(html)
    newest = (
        "2011-12-01 12:00 UTC to 2011-12-01 12:05 UTC 2011-11-30 2 2 leads of run run-2 m2 run-2"
    )
    oldest = "2011-11-30 12:00 UTC 2011-11-29 3 1 leads of run run-1 m1 run-1"
    assert 0 < text.index(newest) < text.index(oldest)
    assert 'href="/?run=run-1"' in html
    assert listed(page(empty_api, run="run-1")) == ids[2:]


def test_a_run_that_writes_several_days_stands_once_for_each(empty_api: Api) -> None:
    ids = [empty_api.create(firstname="Ana") for _ in range(2)]
    write(empty_api, "run-1", ids[:1], "50", "2011-11-28")
    write(empty_api, "run-1", ids[1:], "50", "2011-11-29")

    text = text_of(page(empty_api, "/runs"))

    assert "2011-11-28 1 1 leads of run run-1" in text
    assert "2011-11-29 1 1 leads of run run-1" in text


def test_a_batch_that_is_sent_again_is_not_counted_again(empty_api: Api) -> None:
    ids = [empty_api.create(firstname="Ana")]
    write(empty_api, "run-1", ids, "50", "2011-11-29")
    write(empty_api, "run-1", ids, "50", "2011-11-29")

    assert "2011-11-29 1 1 leads of run run-1" in text_of(page(empty_api, "/runs"))


def test_a_batch_that_is_refused_is_no_run(empty_api: Api) -> None:
    contact_id = empty_api.create(firstname="Ana")
    good = {"id": contact_id, "properties": {"lead_score_run_id": "run-1"}}
    bad = {"id": contact_id + "0", "properties": {"lead_score": "x"}}

    assert empty_api.batch("update", [good, {**bad, "id": contact_id}]).status_code == 400

    assert "No run has written scores yet" in page(empty_api, "/runs")


def test_only_what_carries_a_run_id_is_a_run(empty_api: Api) -> None:
    contact_id = empty_api.create(lead_score="5")
    empty_api.patch(f"/{contact_id}", {"lead_score_run_id": ""})

    assert "No run has written scores yet" in page(empty_api, "/runs")


def test_a_run_whose_scores_were_all_written_over_links_nowhere(empty_api: Api) -> None:
    ids = [empty_api.create(firstname="Ana")]
    write(empty_api, "run-1", ids, "50", "2011-11-29")
    write(empty_api, "run-2", ids, "60", "2011-11-30")

    html = page(empty_api, "/runs")

    assert "2011-11-29 1 0 m1 run-1" in text_of(html)
    assert 'href="/?run=run-1"' not in html


def test_fifty_runs_stand_on_a_page(empty_api: Api, clock: Clock) -> None:
    contact_id = empty_api.create(firstname="Ana")
    for number in range(52):
        clock.advance(60)
        empty_api.patch(f"/{contact_id}", {"lead_score_run_id": f"run-{number:02}"})

    first = page(empty_api, "/runs")
    last = page(empty_api, "/runs", page=99)

    assert first.count("<code>run-") == 50
    assert 'href="/runs?page=2"' in first
    assert "run-51" in first
    assert last.count("<code>run-") == 2
    assert 'href="/runs?page=1"' in last


def test_a_file_from_before_runs_were_counted_gets_its_tables(tmp_path: Path) -> None:
    file = tmp_path / "crm.db"
    with Store(file) as store, store.writing() as tables:
        tables.rows("DROP TABLE sync_run", ())
        tables.rows("DROP TABLE rejected_input", ())

    with running_crm(file, TOKEN) as crm:
        api = Api(crm.base_url)
        answers = [page(api, path) for path in ("/", "/runs", "/rejects")]
        api.close()

    assert len(answers) == 3
