"""Rows that a destination rejected, until it accepts them or they are parked.

A rejected row is sent again by every write-back. After `PARK_AFTER` attempts with the same value
it is parked: not sent until the value or the contact's record changes, or somebody unparks it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import polars as pl

from de_assets.crm.kept_rows import KeptRows
from de_assets.storage.objects import ObjectStore

PARK_AFTER = 10  # attempts
SCHEMA = pl.Schema(
    {
        "contact_id": pl.String(),
        "crm_id": pl.String(),
        "code": pl.String(),
        "reason": pl.String(),
        "attempts": pl.Int64(),
        "first_day": pl.Date(),
        "last_day": pl.Date(),
        "is_parked": pl.Boolean(),
        # What was rejected, and of which day's scores.
        "fingerprint": pl.String(),
        "lead_scored_at": pl.String(),
    }
)
SETTLED_SCHEMA = pl.Schema({"contact_id": pl.String(), "lead_scored_at": pl.String()})
NO_ANSWER = "NO_ANSWER"  # the CRM answered the batch without a word about this row
# The CRM's own message may quote values of a contact, so the reason is put in our words.
REASONS = {
    NO_ANSWER: "the answer to the batch does not mention the contact",
    "CONFLICT": "another record has the same unique value",
    "CONTACT_EXISTS": "another record has the same unique value",
    "INVALID_DATE": "the property is a date, and the value is none",
    "INVALID_INTEGER": "the property is a number, and the value is none",
    "INVALID_LONG": "the property is a number, and the value is none",
    "INVALID_OPTION": "the property has no such option",
    "OBJECT_NOT_FOUND": "the contact is not there any more",
    "PROPERTY_DOESNT_EXIST": "the property is not defined",
    "READ_ONLY_VALUE": "the property cannot be written",
    "VALIDATION_ERROR": "a value breaks a rule of the CRM",
}
UNKNOWN_REASON = "see the destination's own log"


class Rejects:
    """The rejected rows of one destination."""

    def __init__(self, objects: ObjectStore, key: str) -> None:
        self._rows = KeptRows(objects, key, SCHEMA)

    def read(self) -> pl.DataFrame:
        """One row a contact that stands rejected, with the columns of `SCHEMA`."""
        return self._rows.read()[0]

    def parked(self, due: pl.DataFrame) -> pl.DataFrame:
        """Those of `due` (`contact_id`, `crm_id`, `fingerprint`) that are not to be sent.

        Returns:
            Their `contact_id`.
        """
        same = ["contact_id", "crm_id", "fingerprint"]
        parked = self.read().filter("is_parked")
        return parked.join(due, on=same, how="semi", nulls_equal=True).select("contact_id")

    def add(
        self, rejected: Sequence[Mapping[str, str | None]], day: date, park_after: int = PARK_AFTER
    ) -> None:
        """Count an attempt of each rejected row; one with another value or record counts anew.

        Args:
            rejected: `contact_id`, `crm_id`, `fingerprint`, `lead_scored_at` and `code`. A row of
                an older day than the one that stands there is left out.
            day: When it was rejected, UTC.
            park_after: After how many attempts with the same value a row is parked.

        Raises:
            PreconditionFailedError: other writers were faster each time.
        """
        columns = ("contact_id", "crm_id", "fingerprint", "lead_scored_at", "code")
        now = pl.DataFrame(rejected, schema=dict.fromkeys(columns, pl.String()))
        is_older = (pl.col("lead_scored_at") < pl.col("_lead_scored_at")).fill_null(value=False)
        is_same = pl.col("fingerprint").eq_missing(pl.col("_fingerprint")) & pl.col(
            "crm_id"
        ).eq_missing(pl.col("_crm_id"))

        def added_to(known: pl.DataFrame) -> pl.DataFrame:
            before = known.select("contact_id", pl.exclude("contact_id").name.prefix("_"))
            added = (
                now.join(before, on="contact_id", how="left")
                .filter(~is_older)
                .with_columns(
                    reason=pl.col("code").replace_strict(REASONS, default=UNKNOWN_REASON),
                    attempts=pl.when(is_same).then(pl.col("_attempts") + 1).otherwise(1),
                    first_day=pl.coalesce("_first_day", pl.lit(day)),
                    last_day=pl.lit(day),
                )
                .with_columns(is_parked=pl.col("attempts") >= park_after)
                .select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
            )
            kept = known.join(added, on="contact_id", how="anti")
            return pl.concat([kept, added]).sort("contact_id")

        self._rows.change(added_to)

    def drop(self, settled: pl.DataFrame) -> None:
        """Remove contacts whose value was accepted, of that day or a later one.

        Args:
            settled: `SETTLED_SCHEMA`, each contact once.

        Raises:
            PreconditionFailedError: other writers were faster each time.
        """
        if settled.is_empty():
            return
        of_day = settled.rename({"lead_scored_at": "_day"})
        stands = pl.col("_day").is_null() | (pl.col("_day") < pl.col("lead_scored_at"))
        self._rows.change(
            lambda known: (
                known.join(of_day, on="contact_id", how="left", maintain_order="left")
                .filter(stands)
                .drop("_day")
            )
        )

    def unpark(self) -> int:
        """Have every parked row sent again by the next write-back; how many there are."""
        count = self.read().filter("is_parked").height
        is_parked = pl.col("is_parked")
        self._rows.change(
            lambda rows: rows.with_columns(
                attempts=pl.when(is_parked).then(0).otherwise("attempts"),
                is_parked=pl.lit(value=False),
            )
        )
        return count

    def forget(self, contact_ids: Collection[str]) -> int:
        """Remove contacts; how many rows there were."""
        return self._rows.forget(contact_ids)
