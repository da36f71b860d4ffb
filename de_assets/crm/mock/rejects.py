"""The inputs of batches that this CRM refused: when, of which call, by which code and property.

Never a value: what was refused may be anything, also somebody's name. Only the newest are kept.
batches.py remembers them; the page of rejects shows them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from de_assets.crm.mock.errors import RefusedRequestError
from de_assets.crm.mock.properties import is_property_name
from de_assets.crm.mock.store import Tables
from de_assets.crm.mock.timestamps import text_of

MOST_KEPT = 1_000
MOST_SHOWN = 100
NOT_A_NAME = "(not a property name)"

_WHAT_TO_DO = {
    "PROPERTY_DOESNT_EXIST": "Create the property in the CRM, or leave it out of the mapping.",
    "READ_ONLY_VALUE": "Leave the property out: the CRM sets it by itself.",
    "INVALID_OPTION": "Add the option to the property, or send one of those that it has.",
    "INVALID_EMAIL": "Mend the address at its source.",
    "INVALID_DATE": "Send days as YYYY-MM-DD.",
    "INVALID_INTEGER": "Send a plain number.",
    "INVALID_LONG": "Send moments in ISO 8601 or as milliseconds since 1970.",
    "INVALID_STRING_LENGTH": "Shorten the text.",
    "CONFLICT": "Another contact holds this unique value: merge the two, or mend one of them.",
    "OBJECT_NOT_FOUND": "The contact is gone or archived: read the contacts anew.",
    "VALIDATION_ERROR": "The batch has a wrong form, for instance the same contact twice.",
}


@dataclass(frozen=True, slots=True)
class RejectKind:
    """The inputs that were refused for one reason; `property_name` is empty where it is none."""

    code: str
    property_name: str
    inputs: int
    first_at: str
    last_at: str

    @property
    def what_to_do(self) -> str:
        """What mends it, empty for a code of which we know nothing."""
        return _WHAT_TO_DO.get(self.code, "")


@dataclass(frozen=True, slots=True)
class Reject:
    """What one call had refused for one reason; `is_whole_batch` if nothing of it was written."""

    at: str
    action: str
    code: str
    property_name: str
    inputs: int
    is_whole_batch: bool


def remember(
    tables: Tables, now_ms: int, action: str, refusals: Iterable[RefusedRequestError]
) -> None:
    """Remember the inputs of one batch that were refused one by one.

    Args:
        tables: The transaction that writes the good inputs.
        now_ms: When, in milliseconds since 1970.
        action: What was called, such as `upsert`.
        refusals: One for each refused input.
    """
    counts = Counter(reason for refusal in refusals for reason in _reasons(refusal))
    for (code, name), inputs in counts.items():
        _add(tables, (now_ms, action, code, name, inputs, False))
    if counts:
        _forget_oldest(tables)


def remember_batch(
    tables: Tables, now_ms: int, action: str, refusal: RefusedRequestError, inputs: int
) -> None:
    """Remember a batch of so many inputs that was refused as a whole."""
    for code, name in sorted(_reasons(refusal)):
        _add(tables, (now_ms, action, code, name, inputs, True))
    _forget_oldest(tables)


def reject_kinds(tables: Tables) -> list[RejectKind]:
    """Return the reasons of all rejects that are kept, the most frequent first."""
    rows = tables.rows(
        "SELECT code, property, sum(inputs), min(at_ms), max(at_ms) FROM rejected_input"
        " GROUP BY code, property ORDER BY 3 DESC, code, property",
        (),
    )
    return [
        RejectKind(
            str(code),
            str(name),
            int(str(inputs)),
            text_of(int(str(first_ms))),
            text_of(int(str(last_ms))),
        )
        for code, name, inputs, first_ms, last_ms in rows
    ]


def newest_rejects(tables: Tables, code: str = "") -> list[Reject]:
    """Return the newest rejects, of one code or of all, newest first."""
    rows = tables.rows(
        "SELECT at_ms, action, code, property, inputs, is_whole_batch FROM rejected_input"
        " WHERE ? IN ('', code) ORDER BY id DESC LIMIT ?",
        (code, MOST_SHOWN),
    )
    return [
        Reject(
            text_of(int(str(at_ms))),
            str(action),
            str(found_code),
            str(name),
            int(str(inputs)),
            bool(is_whole_batch),
        )
        for at_ms, action, found_code, name, inputs, is_whole_batch in rows
    ]


def _reasons(refusal: RefusedRequestError) -> set[tuple[str, str]]:
    return {
        (problem.code, problem.name if is_property_name(problem.name) else NOT_A_NAME)
        for problem in refusal.problems
    } or {(refusal.category, "")}


def _add(tables: Tables, row: tuple[object, ...]) -> None:
    tables.rows(
        "INSERT INTO rejected_input (at_ms, action, code, property, inputs, is_whole_batch)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        row,
    )


def _forget_oldest(tables: Tables) -> None:
    tables.rows(
        "DELETE FROM rejected_input WHERE id <= (SELECT max(id) FROM rejected_input) - ?",
        (MOST_KEPT,),
    )
