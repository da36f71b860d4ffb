"""Which delivered files still hold erased people, so that their owners can be told.

The landing belongs to others and is never changed; what is read from it is suppressed
(`tombstones.py`). Used by `de-assets erase`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.errors import UnreadableDeliveryError
from de_assets.privacy.erased import Erased
from de_assets.sources.catalog import SourceCatalog


@dataclass(frozen=True)
class LandingFile:
    """A file that holds an erased person.

    Attributes:
        table: Source table.
        key: The file's key, as in `_source` of raw.
        rows: How many of its rows.
    """

    table: str
    key: str
    rows: int


def files_holding(catalog: SourceCatalog, erased: Erased) -> Iterator[LandingFile]:
    """Read every delivery of every source table, and name those with a row of an erased person.

    Files that cannot be read are passed over: the check `deliveries` names them.
    """
    for name, table in SOURCE_TABLES.items():
        files = catalog.files(name)
        rows: Counter[str] = Counter()
        try:
            for piece in files.pieces() if files else ():
                found = erased.suppress(table, piece.drop("dt", strict=False)).erased
                if found:
                    rows[piece["_source"][0]] += sum(found.values())
        except UnreadableDeliveryError:
            continue
        for key, count in sorted(rows.items()):
            yield LandingFile(name, key, count)
