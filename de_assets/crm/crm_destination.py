"""The CRM as a destination of the write-back: the choice between its two kinds of batch writes."""

from collections.abc import Sequence

from de_assets.crm.client import BATCH_SIZE, CrmClient
from de_assets.crm.destination import BatchAnswer, Change
from de_assets.crm.score_properties import CONTACT_KEY

CRM = "crm"


class CrmDestination:
    """Contacts of one CRM portal, by a client that the caller closes or hands over to `close`."""

    name = CRM
    batch_size = BATCH_SIZE

    def __init__(self, client: CrmClient) -> None:
        self._client = client

    def send(self, changes: Sequence[Change]) -> BatchAnswer:
        """Update contacts by the CRM's own id, which cannot create one; upsert those without."""
        if any(change.crm_id is None for change in changes):
            return self._client.upsert(changes, CONTACT_KEY)
        return self._client.update(changes)

    def close(self) -> None:
        """Close the client."""
        self._client.close()
