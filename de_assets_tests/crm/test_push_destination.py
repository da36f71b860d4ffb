"""The engine over any destination: what it asks of one, and when it stops."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from de_assets.crm.destination import BatchAnswer, Change, ContentRefusedError, Destination
from de_assets.crm.ledger import Ledger
from de_assets.crm.progress import Progress
from de_assets.crm.push import NO_ANSWER, PushStoppedError, push
from de_assets_tests.crm.leads import Ticks
from de_assets_tests.crm.writing_back import acknowledged, many_scores, plan_of, states


class Notebook:
    """A destination in memory, as a user would write one."""

    name = "notebook"
    batch_size = 4

    def __init__(self, refuses: Callable[[Sequence[Change]], bool] = lambda _: False) -> None:
        self.pages: dict[str, Mapping[str, str]] = {}
        self.batches: list[int] = []
        self._refuses = refuses

    def send(self, changes: Sequence[Change]) -> BatchAnswer:
        self.batches.append(len(changes))
        if self._refuses(changes):
            raise ContentRefusedError("no", where=self.name, fix="mend it", code="BAD")
        self.pages |= {change.key: change.properties for change in changes}
        return BatchAnswer({change.key: f"page {change.key}" for change in changes}, {})

    def close(self) -> None:
        return


def test_a_plan_arrives_at_any_destination_in_batches_of_its_size(ledger: Ledger) -> None:
    notebook: Destination = Notebook()
    scores = many_scores(10)
    plan = plan_of(ledger, scores, dict.fromkeys(scores), mode="upsert")

    receipts = push(notebook, plan, ledger, "run-0001", now=Ticks())
    again = push(notebook, plan, ledger, "run-0002", now=Ticks(), batch_size=100)

    assert isinstance(notebook, Notebook)
    assert notebook.batches == [4, 4, 2]
    assert {key: page["lead_score"] for key, page in notebook.pages.items()} == {
        key: str(score) for key, score in scores.items()
    }
    assert receipts["crm_id"].to_list() == [f"page {key}" for key in sorted(scores)]
    assert again.height == 10


def test_a_refused_batch_is_halved_at_any_destination(ledger: Ledger) -> None:
    notebook = Notebook(lambda changes: any(change.key == "c-002" for change in changes))
    scores = many_scores(4)
    plan = plan_of(ledger, scores, dict.fromkeys(scores), mode="upsert")

    receipts = push(notebook, plan, ledger, "run-0001", now=Ticks())

    assert states(receipts)["c-002"] == ("rejected", "BAD")
    assert acknowledged(ledger) == set(scores) - {"c-002"}


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (BatchAnswer({"stranger": "1"}, {"nobody": "X"}), ("rejected", NO_ANSWER)),
        (BatchAnswer({"c-000": "1"}, {"c-000": "X"}), ("rejected", "X")),
    ],
)
def test_an_answer_that_contradicts_itself_is_never_an_acknowledgement(
    ledger: Ledger, answer: BatchAnswer, state: tuple[str, str]
) -> None:
    class Confused(Notebook):
        def send(self, changes: Sequence[Change]) -> BatchAnswer:
            super().send(changes)
            return answer

    plan = plan_of(ledger, {"c-000": 1}, {"c-000": None}, mode="upsert")

    receipts = push(Confused(), plan, ledger, "run-0001", now=Ticks())

    assert states(receipts) == {"c-000": state}
    assert acknowledged(ledger) == set()


def test_a_reason_to_stop_ends_the_write_back_between_two_batches(ledger: Ledger) -> None:
    notebook = Notebook(lambda changes: changes[0].key == "c-004")
    scores = many_scores(12)
    plan = plan_of(ledger, scores, dict.fromkeys(scores), mode="upsert")
    asked: list[tuple[int, int]] = []

    def too_many(answered: int, rejected: int) -> str | None:
        asked.append((answered, rejected))
        return "1 of 8 rows rejected" if rejected else None

    with pytest.raises(PushStoppedError, match="1 of 8 rows rejected"):
        push(notebook, plan, ledger, "run-0001", now=Ticks(), should_stop=too_many)
    stopped_with = acknowledged(ledger)
    push(Notebook(), plan, ledger, "run-0002", now=Ticks())

    assert asked == [(0, 0), (4, 0), (8, 1)]
    assert stopped_with == set(list(scores)[:8]) - {"c-004"}
    assert acknowledged(ledger) == set(scores)


def test_a_full_resync_sends_what_was_acknowledged_once_more(ledger: Ledger) -> None:
    scores = many_scores(3)
    push(Notebook(), plan_of(ledger, scores, dict.fromkeys(scores), mode="upsert"), ledger, "run-1")
    crm_ids = dict(ledger.read().select("contact_id", "crm_id").iter_rows())
    emptied = Notebook()

    push(emptied, plan_of(ledger, scores, crm_ids), ledger, "run-2", full_resync=True)

    assert set(emptied.pages) == set(scores)


def test_rate_and_remaining_time_are_said_every_few_seconds_and_at_the_end() -> None:
    moments = iter([0.0, 2.0, 6.0, 10.0, 12.0, 100.0])
    said: list[str] = []
    progress = Progress(said.append, clock=lambda: next(moments), every_seconds=5)

    for done in (2_000, 6_000, 10_000, 12_000, 100_000):
        progress(done, 100_000)

    assert said == [
        "6,000 of 100,000 rows answered, 1,000 a second, 1:34 left",
        "12,000 of 100,000 rows answered, 1,000 a second, 1:28 left",
        "100,000 of 100,000 rows answered, 1,000 a second",
    ]


def test_a_long_way_is_told_in_hours_and_a_short_one_not_at_all() -> None:
    moments = iter([0.0, 10.0, 0.0, 1.0])
    said: list[str] = []

    Progress(said.append, clock=lambda: next(moments))(10, 10_000)
    Progress(said.append, clock=lambda: next(moments))(10, 10)

    assert said == ["10 of 10,000 rows answered, 1 a second, 2:46:30 left"]
