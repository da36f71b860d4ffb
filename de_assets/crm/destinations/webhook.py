"""A destination behind one web address that takes batches of scores as JSON.

Time-outs, retries and the token are the transport's (`crm/transport.py`). Not here: that a refused
batch is halved, and what is noted of an acknowledged one (`crm/push.py`).
"""

import json
import time
from collections.abc import Callable, Sequence
from datetime import date
from hashlib import sha256
from urllib.parse import urlsplit

from de_assets.crm.client import TIMEOUT_SECONDS
from de_assets.crm.destination import BatchAnswer, Change
from de_assets.crm.destinations.payload import KEY, run_of, values_of
from de_assets.crm.transport import Peer, Transport

TOKEN_SETTING = "DE_ASSETS_WEBHOOK_TOKEN"  # noqa: S105  its name
DEFAULT_BATCH_SIZE = 100


class Webhook:
    """POSTs `{"destination", "day", "contacts": [{"contact_id", "properties": {...}}]}`.

    The header `Idempotency-Key` is the same for the same body, whichever run sends it; the run is
    named in `X-Run-Id`. Any 2xx acknowledges the whole batch. 400, 409, 413 and 422 refuse what is
    in it; 429, 5xx and silence are tried again; every other answer ends the run.
    """

    def __init__(
        self,
        name: str,
        url: str,
        access_token: str,
        day: date,
        *,
        batch_size: int = DEFAULT_BATCH_SIZE,
        sleep: Callable[[float], None] = time.sleep,
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> None:
        """Nothing is sent yet.

        Args:
            name: The destination's name.
            url: Where to POST; `https://`, or `http://` on this machine.
            access_token: The bearer token.
            day: The partition that is written back.
            batch_size: The most contacts of a request.
            sleep: What waits between attempts, seconds.
            timeout_seconds: How long to wait for a connection, and for an answer.

        Raises:
            CrmError: the token has characters that no header can carry.
        """
        self.name = name
        self.batch_size = batch_size
        self._day = day
        parts = urlsplit(url)
        self._path = parts.path or "/"
        self._transport = Transport(
            f"{parts.scheme}://{parts.netloc}",
            access_token,
            sleep=sleep,
            timeout_seconds=timeout_seconds,
            peer=_peer(name),
        )

    def send(self, changes: Sequence[Change]) -> BatchAnswer:
        """POST one batch.

        Raises:
            ContentRefusedError: the receiver refused what is in it.
            CrmUnavailableError: it did not answer within the budget of attempts.
            CrmError: it refuses us, or redirects, which is not followed.
        """
        body = {
            "destination": self.name,
            "day": str(self._day),
            "contacts": [
                {KEY: change.key, "properties": dict(values_of(change))} for change in changes
            ],
        }
        digest = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        headers = {"Idempotency-Key": digest, "X-Run-Id": run_of(changes[0])}
        self._transport.deliver(self._path, body=body, headers=headers)
        return BatchAnswer({change.key: change.key for change in changes}, {})

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()


def _peer(name: str) -> Peer:
    address = f"the url of destination {name} in the sources file"
    return Peer(
        f"the webhook {name}",
        address,
        TOKEN_SETTING,
        f"start it, or check {address}; what it took stays noted, so run again",
        {
            401: f"set {TOKEN_SETTING} to a token that it takes",
            403: f"give the token of {TOKEN_SETTING} the right to write",
            404: f"check {address}",
        },
    )
