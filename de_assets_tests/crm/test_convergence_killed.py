"""Write-backs whose process the operating system kills at random, and what the CRM holds then.

Half of the kills come at a request, before or after the CRM took it; half at a moment that the
clock chooses, so that they also fall between requests: while the journal is written, or folded.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from de_assets.crm.client import CrmClient
from de_assets_tests.crm.faults import LOST, Answered, Call
from de_assets_tests.crm.leads import Portal
from de_assets_tests.crm.mock.api import TOKEN
from de_assets_tests.crm.story import DAYS, Story

STORIES, KILLS_EACH = 10, 5
PUSH = """
import sys
from pathlib import Path
import polars as pl
from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.push import push
from de_assets.storage.objects import LocalStore

base_url, token = sys.argv[1:]
client = CrmClient(base_url, token, sleep=lambda _: None)
pl.DataFrame({"a": [1]}).lazy().filter(pl.col("a") > 0).collect()
print("ready", flush=True)
lake, plan, run_id = sys.stdin.readline().split()
push(client, pl.read_parquet(plan), Ledger(LocalStore(Path(lake))), run_id, batch_size=2)
"""


class Process:
    """A Python that has imported what it needs and waits to be told which plan to push."""

    def __init__(self, base_url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PUSH, base_url, TOKEN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def begin(self, lake: Path, plan: Path, run_id: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        assert self._process.stdout.readline() == "ready\n"
        self._process.stdin.write(f"{lake} {plan} {run_id}\n")
        self._process.stdin.flush()

    def end_within(self, seconds: float) -> bool:
        """Whether it came to its end; if not, it is killed now."""
        try:
            _, told = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.communicate()
            return False
        assert self._process.returncode in (0, -9), told
        return self._process.returncode == 0

    def kill(self) -> None:
        self._process.kill()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.communicate()


def _processes(base_url: str) -> Iterator[Process]:
    """The next one starts while the one before is at work, since starting takes longest."""
    with ExitStack() as started:
        upcoming = started.enter_context(Process(base_url))
        while True:
            current, upcoming = upcoming, started.enter_context(Process(base_url))
            yield current


def _push_and_kill(
    story: Story, process: Process, lake: Path, plan: pl.DataFrame, number: int
) -> bool:
    """Whether the process was killed before its end."""
    layer, chance = story.portal.layer, story.chance
    plan.write_parquet(lake.with_suffix(".parquet"))
    at_request = chance.randint(1, 4) if chance.random() < 0.5 else None
    arrived = 0

    def kill_in_time(call: Call) -> None:
        nonlocal arrived
        arrived += call.is_write
        if arrived == at_request:
            process.kill()

    layer.before = kill_in_time
    is_done_all_the_same = chance.random() < 0.5
    layer.faults.extend([None] * ((at_request or 1) - 1))
    layer.faults.append(LOST if is_done_all_the_same else Answered(503))
    process.begin(lake, lake.with_suffix(".parquet"), f"run-{number}")
    is_ended = process.end_within(30 if at_request else chance.uniform(0.005, 0.12))
    story.portal.layer.before = lambda _: None
    story.portal.layer.faults.clear()
    return not is_ended


@pytest.mark.exhaustive
def test_the_crm_ends_with_the_newest_scores_although_fifty_processes_were_killed(
    portal: Portal, client: CrmClient, tmp_path: Path
) -> None:
    processes = _processes(portal.base_url)
    killed = number = 0
    for seed in range(STORIES):
        portal.empty()
        lake = tmp_path / f"lake-{seed}"
        story = Story(1000 + seed, portal, client, lake)
        story.now = lambda: datetime.now(UTC)  # as in the other processes
        of_story = 0
        while of_story < KILLS_EACH:
            plan = story.plan(story.chance.choice(DAYS))
            is_killed = _push_and_kill(story, next(processes), lake, plan, number)
            of_story += is_killed
            number += 1
            if not is_killed:  # nothing was left to send: another history begins
                story.somebody_edits()
                story.read_back()
        killed += of_story

        story.come_to_an_end()

        story.is_told_rightly()
    processes.close()
    assert killed == STORIES * KILLS_EACH
