"""Those who hold personal data, behind one protocol, and how each of them erases a person.

A new holder (a cache, an online store) is one more class here or elsewhere, given to the `Eraser`;
nothing else changes. Each may be called again for a person whom it has erased already.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from de_assets.contracts.base import polars_schema, table_info
from de_assets.contracts.crm import Receipts
from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.contracts.tables import TABLES
from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.privacy.erased import OWNERS, Erased
from de_assets.privacy.identity import SubjectKeys
from de_assets.privacy.subject import Subject
from de_assets.privacy.tables import (
    Day,
    all_rows,
    partitions_of,
    personal_tables,
    receipts_of_others,
    rows_of,
)
from de_assets.privacy.tombstones import Days
from de_assets.storage.lake import Lake
from de_assets.storage.objects import ObjectStore

# Beside the tables, in the lake.
OTHER_PREFIXES = ("crm/", "identity/")
AS_ARRIVED = ("raw", "quarantine", "cleaned")


@dataclass(frozen=True)
class Erasure:
    """One erasure as the holders see it.

    Attributes:
        subject: Whom, in plain values.
        erased: What recognises the person, and everybody who was erased before.
        days: Which partitions of which tables held the person when it began.
    """

    subject: Subject
    erased: Erased
    days: Days


class PersonalDataHolder(Protocol):
    """Something that may hold personal data."""

    def erase(self, erasure: Erasure) -> Mapping[str, int]:
        """Erase the person, and say what was done: counts by name (lower-case words).

        Raises:
            DeAssetsError: it could not be done; the erasure stays open, and may be run again.
        """


class TablesOfTheLake:
    """Every table with a contact: its rows go, or lose the person, as the table declares."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def holding(self, erased: Erased) -> Days:
        """Which partitions of which tables hold an erased person now."""
        found: dict[str, tuple[Day, ...]] = {}
        for entity, source in SOURCE_TABLES.items():
            key = f"raw/{entity}"
            found[key] = tuple(
                day
                for day in partitions_of(self._lake, key)
                if erased.suppress(source, self._read(key, day)).erased
            )
        for key, _ in personal_tables():
            rows = all_rows(self._lake, key)
            if rows is not None:
                days = rows.filter(erased.owned(rows)).select("dt").unique().collect()["dt"]
                found[key] = tuple(days.sort().to_list())
        return {key: days for key, days in found.items() if days}

    def erase(self, erasure: Erasure) -> Mapping[str, int]:
        """Rewrite the partitions that held the person; the others are not touched."""
        counts: dict[str, int] = {}
        for key, days in _with_what_follows(erasure.days).items():
            there = set(partitions_of(self._lake, key))
            name = key.replace("/", "_")
            for day in days:
                if day in there:
                    counts[name] = counts.get(name, 0) + self._erase(key, day, erasure.erased)
        return {name: rows for name, rows in counts.items() if rows}

    def _erase(self, key: str, day: Day, erased: Erased) -> int:
        frame = self._read(key, day)
        stage, _, entity = key.partition("/")
        if stage in AS_ARRIVED:
            suppressed = erased.suppress(SOURCE_TABLES[entity], frame)
            clean, rows = suppressed.frame, sum(suppressed.erased.values())
        else:
            is_owned = erased.owned(frame.lazy())
            rows = frame.filter(is_owned).height
            if table_info(TABLES[key]).on_erasure == "anonymise":
                owners = [name for name in OWNERS if name in frame.columns]
                clean = frame.with_columns(pl.when(~is_owned).then(pl.col(owners)))
            else:
                clean = frame.filter(~is_owned)
        if rows:
            self._lake.write(key, clean, day)
        return rows

    def _read(self, key: str, day: Day) -> pl.DataFrame:
        return rows_of(self._lake, key, [day]).drop("dt").collect()


class KeysOfPeople:
    """The person's own key: without it every copy of the encrypted identity is unreadable."""

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys

    def erase(self, erasure: Erasure) -> Mapping[str, int]:
        """Forget the key."""
        return {"subject_keys": self._keys.forget(erasure.subject.contact)}


class LedgerOfTheCrm:
    """What the CRM acknowledged of the person."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def erase(self, erasure: Erasure) -> Mapping[str, int]:
        """Forget the person in the ledger's file, journals and intents."""
        return {"ledger_rows": self._ledger.forget(erasure.subject.contact)}


class ReceiptsOfDestinations:
    """What destinations beside the CRM answered about the person; what they hold is theirs."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def erase(self, erasure: Erasure) -> Mapping[str, int]:
        """Rewrite the days that name the person."""
        is_theirs = pl.col("contact_id").is_in(list(erasure.subject.contact))
        count = 0
        for key in receipts_of_others(self._lake):
            for day in self._lake.days(key):
                rows = self._lake.scan_days(key, [day], polars_schema(Receipts)).drop("dt")
                frame = rows.collect()
                left = frame.filter(~is_theirs)
                if left.height < frame.height:
                    self._lake.write(key, left, day)
                    count += frame.height - left.height
        return {"destination_receipts": count} if count else {}


class Recomputed:
    """Tables that are made of others are made again where those changed, as the next run would.

    Taking rows out of them is not always enough: a session may go on without the person, and a
    cancellation of somebody unknown takes back nothing.
    """

    def __init__(self, recompute: Callable[[Days], Mapping[str, int]]) -> None:
        """Args: what makes derived tables again, given which partitions changed; counts."""
        self._recompute = recompute

    def erase(self, erasure: Erasure) -> Mapping[str, int]:
        """Make them again."""
        return self._recompute(erasure.days)


class OldVersions:
    """What a versioned bucket keeps of objects as they were before they were rewritten."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def erase(self, erasure: Erasure) -> Mapping[str, int]:  # noqa: ARG002  a version has no owner
        """Remove them wherever personal data may be, of others too: a version is a whole file."""
        return {"old_versions": sum(self._objects.purge(prefix) for prefix in personal_prefixes())}


class RecordsOfTheCrm:
    """The person's records in the CRM."""

    def __init__(
        self,
        open_client: Callable[[], AbstractContextManager[CrmClient]] | None,
        properties: Mapping[str, str],
    ) -> None:
        """Nothing is asked yet.

        Args:
            open_client: What opens a client; None if no CRM is declared.
            properties: The CRM's properties that fill our columns of contacts.
        """
        self._open_client = open_client
        self._properties = properties

    def erase(self, erasure: Erasure) -> Mapping[str, int]:
        """Ask the CRM to remove each record for good: those we know, and those it finds itself."""
        if self._open_client is None:
            return {"crm_records": 0}
        subject = erasure.subject
        with self._open_client() as client:
            records = set(subject.crm)
            known = client.property_names()
            for column, values in (("contact_id", subject.contact), ("email", subject.email)):
                name = self._properties[column]
                if name in known:  # a portal that was never written to lacks ours
                    for value in values:
                        records |= {each.crm_id for each in client.find_contacts(name, value)}
            for crm_id in sorted(records):
                client.erase_contact(crm_id)
        return {"crm_records": len(records)}


def personal_prefixes() -> Iterator[str]:
    """Where in the lake personal data may be: all tables, since a text may name anybody."""
    yield from (f"{key}/" for key in TABLES)
    yield from OTHER_PREFIXES


def _with_what_follows(days: Days) -> Days:
    """A cell that is taken out of a raw row is taken out of the tables that are read from it."""
    both = {key: set(listed) for key, listed in days.items()}
    for key, listed in days.items():
        stage, _, entity = key.partition("/")
        if stage == "raw":
            for follower in AS_ARRIVED[1:]:
                both.setdefault(f"{follower}/{entity}", set()).update(listed)
    return {key: tuple(sorted(found, key=str)) for key, found in both.items()}
