"""What the write-back needs of a system that takes scores: four members, implemented by the user.

Here: the protocol, what is handed to it, what it answers. Not here: HubSpot (`crm_destination.py`),
and what the engine does for every destination: batches, halving, journal, ledger (`push.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from de_assets.errors import CrmError


@dataclass(frozen=True)
class Change:
    """Properties to set on one contact; `key` names our row and comes back in the answer.

    Attributes:
        key: Our id of the contact, unique within a batch.
        crm_id: The destination's id of it; None for one that it does not hold as far as we know.
        properties: Texts by property name; the empty text clears.
    """

    key: str
    crm_id: str | None
    properties: Mapping[str, str]


@dataclass(frozen=True)
class BatchAnswer:
    """What became of the changes of a batch, by their key; one in neither has no answer.

    Attributes:
        acknowledged: The destination's id of each contact that was written.
        rejected: The destination's word for why each of the others was not.
        doubtful: Those of the rejected that may have been written all the same: by an attempt
            before the one that was answered, whose answer was lost.
    """

    acknowledged: Mapping[str, str]
    rejected: Mapping[str, str]
    doubtful: frozenset[str] = frozenset()


class ContentRefusedError(CrmError):
    """A whole batch was refused for something in it, and nothing of it was written.

    `code` is the destination's word for why, and `is_doubtful` says that an attempt before, whose
    answer was lost, may have written something all the same. The engine halves the batch until what
    it was refused for stands alone.
    """

    def __init__(
        self, what: str, *, where: str, fix: str, code: str, is_doubtful: bool = False
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.code = code
        self.is_doubtful = is_doubtful


class Destination(Protocol):
    """A system that takes scores. Writing the same change twice must be as good as once."""

    @property
    def name(self) -> str:
        """Small letters, digits and underscores; its ledger is kept under this name."""
        ...

    @property
    def batch_size(self) -> int:
        """The most changes that `send` takes at once, at least 1."""
        ...

    def send(self, changes: Sequence[Change]) -> BatchAnswer:
        """Write a batch, of contacts with a `crm_id` only or of contacts without one only.

        What is acknowledged must be durable by then. Keys that the answer leaves out count as
        unanswered, and are sent again by the next run.

        Raises:
            ContentRefusedError: the batch was refused for its content; nothing was written.
            CrmUnavailableError: it does not answer; a later run may succeed.
            CrmError: it refuses us, whatever the content.
        """
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
