"""A process that is killed while it sends goes on where it stopped, at every destination."""

import signal
import subprocess
import sys

import polars as pl
import pytest

from de_assets.crm.destinations.file_drop import FileDrop
from de_assets.storage.objects import LocalStore
from de_assets_tests.crm.destinations.receiver import TOKEN
from de_assets_tests.crm.destinations.sending import NAME, planned, told
from de_assets_tests.crm.leads import TUESDAY

SCORES = {f"c-{number}": 10 * number for number in range(10)}
KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
import polars as pl
from de_assets.crm.destinations.file_drop import FileDrop
from de_assets.crm.destinations.webhook import Webhook
from de_assets.crm.destinations.telling import tell
from de_assets.crm.ledger import Ledger
from de_assets.storage.objects import LocalStore

name, token, plan, lake, to, dies_after = sys.argv[1:]
day = date(2011, 11, 29)
web = to.startswith("http")
inner = (Webhook(name, to, token, day, batch_size=4) if web
         else FileDrop(name, LocalStore(Path(to)), day, "csv"))

class Dies:
    name, batch_size = inner.name, inner.batch_size
    sent = 0
    def send(self, changes):
        answer = inner.send(changes)
        self.sent += 1
        if self.sent == int(dies_after):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    def close(self):
        pass

tell(Dies(), pl.read_parquet(plan), Ledger(LocalStore(Path(lake)), name), "run-1")
"""


def kill(tmp_path, lake, plan, to, dies_after):
    plan.write_parquet(tmp_path / "plan.parquet")
    arguments = [NAME, TOKEN, tmp_path / "plan.parquet", lake.root, to, str(dies_after)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, *arguments], check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("dies_after", [1, 3])
def test_a_webhook_gets_again_only_the_batch_that_nobody_noted_and_can_tell(
    tmp_path, lake, receiver, webhook, crm_ledger, ledger, dies_after
):
    plan = planned(crm_ledger, SCORES)
    kill(tmp_path, lake, plan, receiver.url, dies_after)
    before = [each.headers["Idempotency-Key"] for each in receiver.requests]

    told(webhook, plan, ledger, "run-2")

    after = [each.headers["Idempotency-Key"] for each in receiver.requests][len(before) :]
    assert len(before) == dies_after
    assert set(before) & set(after) == {before[-1]}
    assert len(set(before + after)) == 3
    assert receiver.scores == {key: str(score) for key, score in SCORES.items()}
    receiver.requests.clear()
    told(webhook, plan, ledger, "run-3")
    assert receiver.requests == []


def test_a_drop_holds_one_object_after_a_kill_between_object_and_note(
    tmp_path, lake, crm_ledger, ledger
):
    plan = planned(crm_ledger, SCORES)
    drop = LocalStore(tmp_path / "drop")
    kill(tmp_path, lake, plan, drop.root, 1)

    told(FileDrop(NAME, drop, TUESDAY, "csv"), plan, ledger, "run-2")

    (only,) = drop.list()
    rows = pl.read_csv(drop.read(only.key)[0], infer_schema=False)
    assert dict(rows.select("contact_id", "lead_score").iter_rows()) == {
        key: str(score) for key, score in SCORES.items()
    }
