"""Bring what waits to the channels: at least once, and none of them holds up the others.

What a channel did not take stays in the history and is sent at the next tick. Who sends claims
first, so two senders at once do not say everything twice.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from de_assets.incidents.book import Notice
from de_assets.incidents.channels import Channel, NotificationError, open_channels
from de_assets.incidents.history import IncidentHistory
from de_assets.incidents.message import Message
from de_assets.settings import Settings

LOGGER = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Notifier:
    """The channels of a deployment.

    Attributes:
        channels: Where messages go.
        ui_url: Address of the Dagster UI, for links.
        clock: Tells the time, UTC.
    """

    channels: Sequence[Channel]
    ui_url: str | None = None
    clock: Callable[[], datetime] = field(default=_now)

    @classmethod
    def of(cls, settings: Settings) -> "Notifier":
        """The channels that the settings name."""
        return cls(open_channels(settings.notify_channels, settings.s3), settings.ui_url)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels; no secrets."""
        return tuple(channel.name for channel in self.channels)

    def deliver(self, history: IncidentHistory) -> tuple[int, int]:
        """Send what is due.

        Returns:
            How many messages were delivered, and how many were not and wait.

        Raises:
            StorageError: the lake cannot be reached; what was sent may be sent again.
        """
        waiting: Mapping[str, list[Notice]] = defaultdict(list)
        for notice in history.claim(self.names, self.clock()):
            waiting[notice.channel].append(notice)
        if not waiting:
            return 0, 0
        with ThreadPoolExecutor(len(self.channels)) as pool:
            results = list(pool.map(lambda c: self._send(c, waiting[c.name]), self.channels))
        delivered = [notice for done, _ in results for notice in done]
        failed = [notice for _, left in results for notice in left]
        history.settle(delivered, failed)
        return len(delivered), len(failed)

    def _send(
        self, channel: Channel, notices: Sequence[Notice]
    ) -> tuple[list[Notice], list[Notice]]:
        """What one channel took, and what is left; after a break nothing more is tried."""
        delivered: list[Notice] = []
        failed: list[Notice] = []
        is_broken = False
        for notice in notices:
            if is_broken:
                failed.append(notice)
                continue
            try:
                channel.send(Message(notice, self.ui_url))
            except NotificationError as error:
                LOGGER.error("A notification waits. %s", error)  # noqa: TRY400  its text says all
                failed.append(notice)
                is_broken = not error.is_refusal
            except Exception as error:  # noqa: BLE001  else the others would repeat what they sent
                LOGGER.error(  # noqa: TRY400  its text may quote the address
                    "A notification waits: %s failed with %s.", channel.name, type(error).__name__
                )
                failed.append(notice)
                is_broken = True
            else:
                delivered.append(notice)
        return delivered, failed
