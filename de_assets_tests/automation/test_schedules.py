"""The clock asks for the day that is over."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from de_assets.definitions import build_defs
from de_assets.settings import Settings


@pytest.fixture(scope="module")
def repository():
    return build_defs(Settings(sources="data/sources/sandbox.yaml")).get_repository_def()


@pytest.mark.parametrize("name", ["ingest_daily", "score_daily"])
def test_a_daily_schedule_asks_for_yesterday(repository, instance, name):
    moment = datetime(2025, 3, 2, 5, tzinfo=UTC)
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=moment, repository_def=repository
    )
    requests = repository.get_schedule_def(name).evaluate_tick(context).run_requests
    assert [request.partition_key for request in requests] == ["2025-03-01"]


def test_training_is_asked_for_without_a_day(repository, instance):
    moment = datetime(2025, 3, 3, 3, tzinfo=UTC)
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=moment, repository_def=repository
    )
    requests = repository.get_schedule_def("train_weekly").evaluate_tick(context).run_requests
    assert [request.partition_key for request in requests] == [None]


def test_after_the_end_of_the_calendar_nothing_is_asked_for_and_the_reason_is_said(
    repository, instance
):
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime(2026, 3, 2, 2, tzinfo=UTC),
        repository_def=repository,
    )
    result = repository.get_schedule_def("ingest_daily").evaluate_tick(context)
    assert result.run_requests == []
    assert "whose last day is 2025-06-28" in result.skip_message
