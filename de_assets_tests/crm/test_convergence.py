"""Whatever goes wrong between, the CRM ends with the newest scores and nothing is sent for ever."""

from pathlib import Path

import pytest

from de_assets.crm.client import CrmClient
from de_assets_tests.crm.leads import Portal, held_scores
from de_assets_tests.crm.story import TWIN, Story

FEW, OTHERS = range(40), range(40, 520)


def _tell(seed: int, portal: Portal, client: CrmClient, lake: Path) -> Story:
    portal.empty()
    story = Story(seed, portal, client, lake / str(seed))
    story.live_through()
    story.come_to_an_end()
    return story


@pytest.mark.parametrize("seed", FEW)
def test_the_crm_ends_with_the_newest_scores(
    portal: Portal, client: CrmClient, tmp_path: Path, seed: int
) -> None:
    story = _tell(seed, portal, client, tmp_path)

    story.is_told_rightly()


@pytest.mark.exhaustive
@pytest.mark.parametrize("start", OTHERS[::60])
def test_the_crm_ends_with_the_newest_scores_in_five_hundred_stories(
    portal: Portal, client: CrmClient, tmp_path: Path, start: int
) -> None:
    for seed in range(start, start + 60):
        story = _tell(seed, portal, client, tmp_path)

        story.is_told_rightly()


def test_update_only_never_asks_the_crm_to_create(
    portal: Portal, client: CrmClient, tmp_path: Path
) -> None:
    for seed in range(5):
        portal.empty()
        story = Story(seed, portal, client, tmp_path / str(seed))
        story.mode = "update_only"

        story.live_through()

        assert {call.path.rsplit("/", 1)[1] for call in portal.layer.writes} == {"update"}
        assert len(held_scores(client)) == len(story.known)


def test_nobody_is_written_to_in_the_name_of_a_contact_that_shares_a_record(
    portal: Portal, client: CrmClient, tmp_path: Path
) -> None:
    for seed in range(5):
        portal.empty()
        story = Story(seed, portal, client, tmp_path / str(seed))
        story.has_twin = True

        story.live_through()

        sent = {
            item["objectWriteTraceId"]
            for call in portal.layer.writes
            for item in call.body["inputs"]
        }
        shared = next(iter(story.known))
        assert sent.isdisjoint({TWIN, shared} - set(story.edited))
