"""What a write-back reaches: under the CRM's limits, without limits, and how fast a diff is.

    python benchmarks/write_back.py [--contacts 100000] [--free 20000] [--rows 1000000]

Against the mock CRM over HTTP. Under the limits (190 requests in 10 s) waiting is virtual and work
is real: the CRM's clock and the client's are moved on by what would have been slept. Without
limits the whole write-back (plan, journal, ledger, receipts) is compared with a bare loop that
posts the same batches with `requests`, in turn. The diff is the plan of a day against a ledger.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import requests
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from de_assets.crm.client import BATCH_SIZE, Change, CrmClient
from de_assets.crm.ledger import SCHEMA, Ledger
from de_assets.crm.mock import create_app, running_app, running_crm
from de_assets.crm.plan import make_plan
from de_assets.crm.push import ensure_properties, push
from de_assets.crm.score_properties import CONTACT_KEY, SENT
from de_assets.storage.objects import LocalStore

TOKEN = "benchmark"  # noqa: S105  of a server on this machine that ends with this program
REQUESTS_PER_10_SECONDS = 190
DAY = date(2026, 1, 1)
BEGIN = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class VirtualTime:
    """Real time, and what would have been slept on top of it."""

    begun: float = field(default_factory=time.monotonic)
    slept_seconds: float = 0.0

    def seconds(self) -> float:
        return time.monotonic() - self.begun + self.slept_seconds

    def moment(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds())

    def sleep(self, seconds: float) -> None:
        self.slept_seconds += seconds


def scores(rows: int, day: date, seed: int) -> pl.DataFrame:
    """`predictions/lead_scores` of a day."""
    points = pl.Series(np.random.default_rng(seed).integers(0, 100, rows), dtype=pl.Int32)
    return pl.DataFrame({"score": points}).select(
        contact_id=pl.format("c-{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(8)),
        scored_for=pl.lit(day),
        probability=pl.col("score") / 100,
        score="score",
        grade=pl.when(pl.col("score") >= 50).then(pl.lit("A")).otherwise(pl.lit("C")),
        reasons=pl.lit("bought last week; visited the shop three times; new in the catalogue"),
        trend=pl.lit("steady"),
        model_version=pl.lit("20251201-abcdef"),
    )


def contacts(crm_ids: pl.DataFrame) -> pl.LazyFrame:
    """`modeled/dim_contact` of contacts that the CRM holds."""
    return crm_ids.lazy().with_columns(is_current=pl.lit(value=True), is_in_crm=pl.lit(value=True))


def fill(client: CrmClient, count: int) -> pl.DataFrame:
    """Contacts in the CRM; their ids there."""
    ensure_properties(client)
    keys = scores(count, DAY, 0)["contact_id"].to_list()
    created: dict[str, str] = {}
    for start in range(0, count, BATCH_SIZE):
        batch = [Change(key, None, {}) for key in keys[start : start + BATCH_SIZE]]
        created.update(client.upsert(batch, CONTACT_KEY).acknowledged)
    return pl.DataFrame({"contact_id": list(created), "crm_id": list(created.values())})


class Refusals:
    """An ASGI layer that counts the answers 429."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counting(message: Message) -> None:
            self.count += message.get("status") == 429
            await send(message)

        await self._app(scope, receive, counting)


@contextmanager
def filled(
    count: int, clock: VirtualTime, requests_per_10_seconds: int | None
) -> Iterator[tuple[CrmClient, Refusals, pl.DataFrame, Path]]:
    """A client of a mock CRM with contacts, what it refuses, the ids there, and a directory."""
    with tempfile.TemporaryDirectory() as directory:
        database = Path(directory) / "crm.db"
        with running_crm(database, TOKEN) as crm, CrmClient(crm.base_url, TOKEN) as client:
            crm_ids = fill(client, count)
        limit = requests_per_10_seconds
        app = create_app(database, TOKEN, requests_per_10_seconds=limit, clock=clock.moment)
        refusals = Refusals(app)
        with (
            running_app(refusals) as crm,
            CrmClient(crm.base_url, TOKEN, sleep=clock.sleep, clock=clock.seconds) as client,
        ):
            yield client, refusals, crm_ids, Path(directory)


def planned(crm_ids: pl.DataFrame, ledger: Ledger, seed: int) -> pl.DataFrame:
    of_day = scores(crm_ids.height, DAY + timedelta(days=seed), seed)
    known = ledger.read().lazy()
    return make_plan(of_day.lazy(), contacts(crm_ids), known, "update_only").collect()


def under_limits(count: int) -> None:
    clock = VirtualTime()
    with filled(count, clock, REQUESTS_PER_10_SECONDS) as (
        client,
        refusals,
        crm_ids,
        directory,
    ):
        ledger = Ledger(LocalStore(directory / "lake"))
        plan = planned(crm_ids, ledger, 1)
        begun, worked = clock.seconds(), time.monotonic()
        receipts = push(client, plan, ledger, "benchmark")
        seconds, worked = clock.seconds() - begun, time.monotonic() - worked
    batches = -(-count // BATCH_SIZE)
    allowed = REQUESTS_PER_10_SECONDS / 10
    rejected = receipts.filter(state="rejected").height
    print(
        f"under limits: {count:,} contacts in {seconds:.1f} s (worked {worked:.1f} s): "
        f"{batches / seconds:.2f} requests a second, {batches / seconds / allowed:.1%} of the "
        f"allowed {allowed:.0f}; answers 429: {refusals.count}; rejected: {rejected}"
    )


def bare_loop(client: CrmClient, plan: pl.DataFrame) -> float:
    """Seconds to post the same batches with `requests` and nothing else."""
    batches = [
        {
            "inputs": [
                {
                    "id": row["crm_id"],
                    "objectWriteTraceId": row["contact_id"],
                    "properties": {**{name: row[name] for name in SENT}, "lead_score_run_id": "b"},
                }
                for row in batch.iter_rows(named=True)
            ]
        }
        for batch in plan.iter_slices(BATCH_SIZE)
    ]
    url = f"{client.base_url}/crm/objects/2026-03/contacts/batch/update"
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        begun = time.perf_counter()
        for body in batches:
            answer = session.post(url, json=body, timeout=60)
            answer.raise_for_status()
            assert len(answer.json()["results"]) == len(body["inputs"])
        return time.perf_counter() - begun


def without_limits(count: int, rounds: int) -> None:
    with filled(count, VirtualTime(), None) as (client, _, crm_ids, directory):
        ledger = Ledger(LocalStore(directory / "lake"))
        bare, whole = [], []
        for seed in range(1, 2 * rounds + 1, 2):
            bare.append(bare_loop(client, planned(crm_ids, Ledger(LocalStore(directory)), seed)))
            plan = planned(crm_ids, ledger, seed + 1)
            begun = time.perf_counter()
            receipts = push(client, plan, ledger, f"run-{seed}")
            whole.append(time.perf_counter() - begun)
            assert set(receipts["state"]) == {"acknowledged"}
            sent = receipts.height
            print(
                f"  round: write-back {sent / whole[-1]:,.0f} rows a second, "
                f"bare loop {count / bare[-1]:,.0f}"
            )
    ratio = sorted(b / w for b, w in zip(bare, whole, strict=True))[rounds // 2]
    print(f"without limits: {ratio:.2f} of the rate of a bare loop (median of {rounds})")


def diff(rows: int) -> None:
    """One day's scores against a ledger of as many contacts; a tenth of the scores moved."""
    of_day = scores(rows, DAY + timedelta(days=1), 1)
    moved = np.random.default_rng(2).random(rows) < 0.1
    before = of_day.with_columns(
        score=pl.when(pl.Series(moved)).then((pl.col("score") + 1) % 100).otherwise("score"),
        scored_for=pl.lit(DAY),
    )
    crm_ids = of_day.select("contact_id", crm_id=pl.int_range(pl.len()).cast(pl.String))
    nothing = pl.LazyFrame(schema=SCHEMA)
    known = make_plan(before.lazy(), contacts(crm_ids), nothing, "update_only").collect()
    stamps = {"sent_at": BEGIN.isoformat(), "run_id": "run", "confirmed_for": str(DAY)}
    ledger = known.with_columns(**{name: pl.lit(value) for name, value in stamps.items()}).select(
        SCHEMA.names()
    )
    del before, known
    held_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun, cpu_begun = time.perf_counter(), time.process_time()
    plan = make_plan(of_day.lazy(), contacts(crm_ids), ledger.lazy(), "update_only").collect()
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    updates = plan.filter(action="update").height
    print(
        f"diff: {rows:,} rows in {seconds:.2f} s ({cpu_seconds:.2f} CPU s), {updates:,} updates; "
        f"peak {peak_mb:,.0f} MB, of which {held_mb:,.0f} MB before the diff"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--free", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["limits", "free", "diff"])
    given = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "limits": lambda: under_limits(given.contacts),
        "free": lambda: without_limits(given.free, given.rounds),
        "diff": lambda: diff(given.rows),
    }
    if given.only:
        parts[given.only]()
        return
    for name in parts:  # each in a process of its own, for the memory of each
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--only", name], check=True)


if __name__ == "__main__":
    main()
