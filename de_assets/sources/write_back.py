"""The section `write_back` of the sources file: whether, how, and how far scores go to the CRM."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from de_assets.contracts.base import columns
from de_assets.contracts.features import LeadScores
from de_assets.crm.breaker import Limits
from de_assets.crm.mapping import MAPPING, OnNull
from de_assets.crm.plan import Mode


def _known_nullable(name: str) -> str:
    nullable = {info.name for info in columns(LeadScores) if info.is_nullable}
    allowed = [each.name for each in MAPPING if each.column in nullable]
    if name not in allowed:
        msg = f"{name!r} is no property that can be without a value: use {', '.join(allowed)}"
        raise ValueError(msg)
    return name


class WriteBack(BaseModel):
    """What is done with the scores in the CRM.

    Attributes:
        enabled: The kill switch: without it the plan is made, and nothing is sent.
        mode: `update_only` writes to known contacts, `upsert` creates the others too, and `mirror`
            writes to known contacts and clears our properties of those without a score.
        create_properties: Whether properties that the CRM lacks are defined there.
        nulls: Of a property without a value: `clear` empties it, `leave` keeps the last one.
        breaker: What a plan may do at most without being held.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    mode: Mode = "update_only"
    create_properties: bool = True
    nulls: dict[Annotated[str, AfterValidator(_known_nullable)], OnNull] = Field(
        default_factory=dict
    )
    breaker: Limits = Limits()
