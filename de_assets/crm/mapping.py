"""What a write-back sends: one row for each property of the CRM that it owns, and nothing else.

Here: the declaration, and how the CRM's own definitions are held against it before the first
write. Not here: the texts that are sent (`score_properties.py`), the sending (`push.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from de_assets.contracts.features import GRADES, TRENDS
from de_assets.errors import CrmError

GROUP = "contactinformation"
CONTACT_KEY = "customer_id"  # the CRM's unique property that holds our contact_id

Kind = Literal["number", "enumeration", "string", "date"]
OnNull = Literal["clear", "leave"]
# The types of a property that take what we send. A text property takes any of it, and is worse
# to filter by.
FITTING_TYPES: Mapping[Kind, tuple[str, ...]] = {
    "number": ("number", "string"),
    "enumeration": ("enumeration", "string"),
    "string": ("string",),
    "date": ("date", "datetime", "string"),
}


@dataclass(frozen=True)
class MappedProperty:
    """One property of the CRM and the column that fills it.

    Attributes:
        name: The property's name in the CRM's API.
        label: What sales people read.
        kind: The CRM's type.
        field_type: The CRM's form field.
        column: Column of `predictions/lead_scores`; None: the id of the run that sends.
        options: The only values that an enumeration takes.
        decimals: Digits that a number keeps after the point: what is rounded away is no change.
        on_null: What a missing value does: `clear` empties the property, `leave` keeps what the
            CRM acknowledged last.
        is_meaningful: Whether another value alone is worth an update.
    """

    name: str
    label: str
    kind: Kind
    field_type: str
    column: str | None
    options: tuple[str, ...] = ()
    decimals: int = 0
    on_null: OnNull = "clear"
    is_meaningful: bool = False

    def definition(self) -> dict[str, Any]:
        """The property as the CRM's API takes it."""
        return {
            "name": self.name,
            "label": self.label,
            "groupName": GROUP,
            "type": self.kind,
            "fieldType": self.field_type,
            "options": [
                {"label": option, "value": option, "displayOrder": place, "hidden": False}
                for place, option in enumerate(self.options)
            ],
        }


# The model's version and the day are not meaningful: a new day with the same score, grade, reasons
# and trend changes nothing for a sales person.
MAPPING = (
    MappedProperty(
        "lead_score", "Lead score", "number", "number", column="score", is_meaningful=True
    ),
    MappedProperty(
        "lead_grade",
        "Lead grade",
        "enumeration",
        "select",
        column="grade",
        options=GRADES,
        is_meaningful=True,
    ),
    MappedProperty(
        "lead_score_reasons",
        "Lead score reasons",
        "string",
        "textarea",
        column="reasons",
        is_meaningful=True,
    ),
    MappedProperty(
        "lead_score_trend",
        "Lead score trend",
        "enumeration",
        "select",
        column="trend",
        options=TRENDS,
        is_meaningful=True,
    ),
    MappedProperty(
        "lead_score_model_version",
        "Lead score model version",
        "string",
        "text",
        column="model_version",
    ),
    MappedProperty("lead_scored_at", "Lead scored at", "date", "date", column="scored_for"),
    MappedProperty("lead_score_run_id", "Lead score run", "string", "text", column=None),
)


@dataclass(frozen=True)
class Mismatch:
    """Where a CRM cannot take what the mapping sends.

    Attributes:
        code: `PROPERTY_MISSING`, `PROPERTY_ARCHIVED`, `WRONG_TYPE`, `READ_ONLY`, `OPTION_MISSING`
            or `NOT_UNIQUE`.
        property_name: The property.
        fix: What to do, in one sentence.
    """

    code: str
    property_name: str
    fix: str


class MappingError(CrmError):
    """The CRM's properties do not fit what is sent; nothing was written. Lists every mismatch."""

    def __init__(self, mismatches: Sequence[Mismatch]) -> None:
        self.mismatches = tuple(mismatches)
        lines = [f"  - {each.property_name}: {each.code}: {each.fix}" for each in self.mismatches]
        super().__init__(
            "the CRM's contact properties do not fit what a write-back sends, so nothing was "
            "sent:\n" + "\n".join(lines),
            where="contact properties of the CRM",
            fix="correct what is listed, then materialize crm/writeback again",
        )


def mapping_with(policies: Mapping[str, OnNull]) -> tuple[MappedProperty, ...]:
    """The mapping, with other null policies for some of its properties, by their name."""
    return tuple(replace(each, on_null=policies.get(each.name, each.on_null)) for each in MAPPING)


def check_mapping(definitions: Sequence[Mapping[str, Any]], *, needs_key: bool) -> None:
    """Hold the CRM's property definitions against the mapping, before the first write.

    Args:
        definitions: What the CRM answers of its contact properties.
        needs_key: Whether contacts are created, so that `CONTACT_KEY` must be unique.

    Raises:
        MappingError: at least one property is missing or cannot take our values.
    """
    if mismatches := find_mismatches(definitions, needs_key=needs_key):
        raise MappingError(mismatches)


def find_mismatches(definitions: Sequence[Mapping[str, Any]], *, needs_key: bool) -> list[Mismatch]:
    """Every mismatch; the arguments are those of `check_mapping`."""
    known = {str(each.get("name")): each for each in definitions}
    found = [mismatch for each in MAPPING for mismatch in _mismatches(each, known.get(each.name))]
    key = known.get(CONTACT_KEY)
    if needs_key and key is None:
        found.append(_missing(CONTACT_KEY, "string, with unique values"))
    elif needs_key and not (key or {}).get("hasUniqueValue"):
        found.append(
            Mismatch(
                "NOT_UNIQUE",
                CONTACT_KEY,
                "the CRM does not keep its values unique, so contacts cannot be found by it: "
                "define it anew with unique values, or set write_back.mode to update_only",
            )
        )
    return found


def _mismatches(mapped: MappedProperty, held: Mapping[str, Any] | None) -> list[Mismatch]:
    if held is None:
        return [_missing(mapped.name, mapped.kind)]
    if held.get("archived"):
        return [Mismatch("PROPERTY_ARCHIVED", mapped.name, "restore it in the CRM's settings")]
    found = []
    if held.get("type") not in FITTING_TYPES[mapped.kind]:
        found.append(
            Mismatch(
                "WRONG_TYPE",
                mapped.name,
                f"it is of type {held.get('type')}, and {mapped.kind} is sent: rename the "
                "property that has taken the name, and let ours be created",
            )
        )
    is_read_only = (held.get("modificationMetadata") or {}).get("readOnlyValue")
    if is_read_only or held.get("calculated"):
        found.append(
            Mismatch("READ_ONLY", mapped.name, "the CRM lets nobody write it: make it editable")
        )
    if held.get("type") == "enumeration":
        offered = {str(option.get("value")) for option in held.get("options") or ()}
        if lacking := [option for option in mapped.options if option not in offered]:
            found.append(
                Mismatch(
                    "OPTION_MISSING", mapped.name, f"add the options {', '.join(lacking)} to it"
                )
            )
    return found


def _missing(name: str, kind: str) -> Mismatch:
    return Mismatch(
        "PROPERTY_MISSING",
        name,
        f"define it (type {kind}), or set write_back.create_properties to true",
    )
