"""A write-back that dies half-way is taken up where it stopped."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import JOURNAL_PREFIX, Ledger
from de_assets.crm.plan import make_plan
from de_assets.crm.push import push
from de_assets.storage.objects import LocalStore
from de_assets_tests.crm.leads import (
    TUESDAY,
    Portal,
    Ticks,
    contacts_of,
    held_scores,
    scores_of,
)
from de_assets_tests.crm.mock.api import TOKEN

SCORES = {f"c-{number}": number for number in range(10)}
KILLED_AFTER_THREE_BATCHES = """
import os, signal, sys
from pathlib import Path
import polars as pl
from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.push import push
from de_assets.storage.objects import LocalStore

base_url, token, plan, lake = sys.argv[1:]

def die(done, total):
    if done == 6:
        os.kill(os.getpid(), signal.SIGKILL)

push(CrmClient(base_url, token), pl.read_parquet(plan), Ledger(LocalStore(Path(lake))),
     "run-0001", progress=die, batch_size=2)
"""


class Killed(BaseException):
    """Stands for the end of the process."""


def _plan(crm_ids: dict[str, str | None], ledger: Ledger) -> pl.DataFrame:
    known = ledger.read().lazy()
    scores = scores_of(TUESDAY, SCORES)
    return make_plan(scores, contacts_of(crm_ids), known, "update_only").collect()


def _sent(portal: Portal) -> list[str]:
    return [
        item["objectWriteTraceId"] for call in portal.layer.writes for item in call.body["inputs"]
    ]


def _is_complete(client: CrmClient) -> bool:
    held = {key: values["lead_score"] for key, values in held_scores(client).items()}
    return held == {key: str(score) for key, score in SCORES.items()}


@pytest.mark.parametrize("batches", [1, 2, 5])
@pytest.mark.parametrize("is_replanned", [True, False])
def test_a_run_killed_after_some_batches_resumes_with_the_rest(
    portal: Portal, client: CrmClient, ledger: Ledger, batches: int, is_replanned: bool
) -> None:
    crm_ids = portal.fill(client, list(SCORES))
    plan = _plan(crm_ids, ledger)

    def die(done: int, _total: int) -> None:
        if done == 2 * batches:
            raise Killed

    with pytest.raises(Killed):
        push(client, plan, ledger, "run-0001", now=Ticks(), progress=die, batch_size=2)
    before = _sent(portal)
    portal.layer.calls.clear()
    plan = _plan(crm_ids, ledger) if is_replanned else plan
    receipts = push(client, plan, ledger, "run-0002", now=Ticks(), batch_size=2)

    assert sorted(before + _sent(portal)) == sorted(SCORES)
    assert len(before) == 2 * batches
    assert receipts.height == (10 - 2 * batches if is_replanned else 10)
    assert set(receipts["state"]) <= {"acknowledged"}
    assert _is_complete(client)


def test_a_process_that_was_killed_resumes_with_the_rest(
    portal: Portal, client: CrmClient, tmp_path: Path
) -> None:
    crm_ids = portal.fill(client, list(SCORES))
    objects = LocalStore(tmp_path / "lake")
    ledger = Ledger(objects)
    _plan(crm_ids, ledger).write_parquet(tmp_path / "plan.parquet")

    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            KILLED_AFTER_THREE_BATCHES,
            portal.base_url,
            TOKEN,
            tmp_path / "plan.parquet",
            objects.root,
        ],
        check=False,
        timeout=60,
    )
    before = _sent(portal)
    portal.layer.calls.clear()
    push(client, _plan(crm_ids, ledger), ledger, "run-0002", now=Ticks(), batch_size=2)

    assert killed.returncode == -9
    assert len(before) == 6
    assert sorted(before + _sent(portal)) == sorted(SCORES)
    assert _is_complete(client)
    assert list(objects.list(JOURNAL_PREFIX)) == []
