"""From the tokens of one key to those of another, for as much as anybody still holds the values.

Used by `rotation.py`, which rewrites the tables with it. Values in plain text stay in memory.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from io import BytesIO

import polars as pl

from de_assets.contracts.base import columns, table_info
from de_assets.contracts.identity import IdentityContacts
from de_assets.contracts.source_tables import CONTACTS, SOURCE_TABLES, SourceTable
from de_assets.contracts.tables import TABLES
from de_assets.privacy.identity import SubjectKeys, decrypt_rows
from de_assets.privacy.keys import Keyring, MasterKey
from de_assets.storage.lake import FILE_NAME, Lake
from de_assets.storage.objects import ObjectStore
from de_assets.transforms.tokens import tokenise


@dataclass(frozen=True)
class TokenMap:
    """What becomes of the tokens of the key before.

    Attributes:
        renewed: The new token of each whose value is still held.
        orphaned: For each whose value nobody holds, a keyed digest of the token itself: equal ones
            stay equal, and neither key's tokens tell which they were.
    """

    renewed: dict[str, str]
    orphaned: dict[str, str]


def token_columns() -> dict[str, tuple[str, ...]]:
    """The columns that hold tokens, by table.

    Those that cleaned tables read as tokens, wherever a column of that name is, and the direct
    identifiers in quarantine.
    """
    made = {
        info.name for table in TABLES.values() for info in columns(table) if info.read == "token"
    }
    found = {
        key: tuple(info.name for info in columns(table) if info.name in made)
        for key, table in TABLES.items()
    }
    found |= {f"quarantine/{name}": each.direct_identifiers for name, each in SOURCE_TABLES.items()}
    return {key: names for key, names in found.items() if names}


def map_tokens(lake: Lake, keyring: Keyring, previous: MasterKey, tokens: Set[str]) -> TokenMap:
    """What each of these tokens becomes; those that are of the key in use already are left out.

    Args:
        lake: Where raw and the identity table are, which are read until every token is explained.
        keyring: The key in use, and both keys for what is encrypted under either.
        previous: The key before.
        tokens: Tokens of either key.
    """
    left = set(tokens)
    renewed: dict[str, str] = {}
    for values in _held_values(lake, keyring):
        if not left:
            break
        fresh = tokenise(values, keyring.token_key)
        old = tokenise(values, previous.token_key)
        renewed |= {
            token: new
            for token, new in zip(old.to_list(), fresh.to_list(), strict=True)
            if token in tokens
        }
        left -= {*old, *fresh}
    orphans = sorted(left)
    texts = pl.Series([f"retired token {token}" for token in orphans], dtype=pl.String)
    digests = tokenise(texts, keyring.token_key).to_list()
    return TokenMap(renewed, dict(zip(orphans, digests, strict=True)))


def _held_values(lake: Lake, keyring: Keyring) -> Iterator[pl.Series]:
    """Every direct identifier that is still held, as it arrived or as it was encrypted."""
    for source in SOURCE_TABLES.values():
        if source.direct_identifiers:
            yield from _of_raw(lake, source)
    yield from _of_identity(lake, keyring)


def table_files(objects: ObjectStore, table: str) -> list[str]:
    """The keys of a table's files, of all its days if it has days."""
    listed = objects.list(f"{table}/")
    return [info.key for info in listed if info.key.endswith(f"/{FILE_NAME}")]


def _of_raw(lake: Lake, source: SourceTable) -> Iterator[pl.Series]:
    names = list(source.direct_identifiers)
    # A file at a time: a column may be text on one day and a number on another.
    for key in table_files(lake.objects, f"raw/{source.name}"):
        data, _ = lake.objects.read(key)
        frame = pl.read_parquet(BytesIO(data), columns=names, hive_partitioning=False)
        yield _distinct(frame.cast(pl.String))


def _of_identity(lake: Lake, keyring: Keyring) -> Iterator[pl.Series]:
    table, names = table_info(IdentityContacts).key, CONTACTS.direct_identifiers
    keys = SubjectKeys(lake.objects, keyring).read()
    for day in lake.days(table):
        frame = lake.scan_days(table, [day]).collect()
        yield _distinct(decrypt_rows(frame, keys, table, names).select(names))


def _distinct(frame: pl.DataFrame) -> pl.Series:
    return pl.concat([frame[name].rename("value") for name in frame.columns]).unique().drop_nulls()
