"""What was written, and the truth about it that the files do not tell.

Used by tests, and by the demo to say what it planted.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WrittenOrders:
    """Counts over the order files of the days that were written.

    Every count but the two of re-deliveries leaves re-delivered files out.

    Attributes:
        files: Daily files, one a trading day.
        lines: Data rows in them.
        orders: Orders with at least one row, cancellations and write-offs not counted.
        cancellations: Order ids that cancel a part of an earlier order.
        cancellation_lines: Rows of these.
        lines_without_contact: Rows that name no contact.
        duplicate_lines: Rows that repeat another row of the same file exactly.
        redelivered_files: Files that repeat the lines of a daily file under another name.
        redelivered_lines: Data rows in them.
        planted: Rows by kind of dirt, named as in `Dirt`; a row may count under several kinds, but
            under one of the four that no contract can accept at most.
        size_bytes: Bytes on disk, re-deliveries included.
    """

    files: int
    lines: int
    orders: int
    cancellations: int
    cancellation_lines: int
    lines_without_contact: int
    duplicate_lines: int
    redelivered_files: int
    redelivered_lines: int
    planted: Mapping[str, int]
    size_bytes: int

    @property
    def unacceptable_lines(self) -> int:
        """Rows that belong into quarantine: an unreadable field, or a price below zero."""
        kinds = ("unreadable_quantity", "unreadable_price", "unreadable_date", "negative_price")
        return sum(self.planted.get(kind, 0) for kind in kinds)


@dataclass(frozen=True, slots=True)
class WrittenEvents:
    """Counts over the event files of the days that were written.

    Attributes:
        files: Daily files.
        events: Rows in them.
        anonymous_events: Rows that name no contact.
        duplicate_events: Rows that repeat another row of the same file exactly.
        late_events: Rows whose day is the one before the file's; duplicates included.
        unreadable_events: Rows with an unreadable time or without a type.
        size_bytes: Bytes on disk.
    """

    files: int
    events: int
    anonymous_events: int
    duplicate_events: int
    late_events: int
    unreadable_events: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class WrittenProducts:
    """The catalogue file: products in it and its size."""

    products: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class WrittenCompany:
    """Everything that one call wrote.

    Attributes:
        orders: The order files.
        events: The event files.
        products: The catalogue file.
        contacts: Contacts that the CRM should hold by the last day written.
        contacts_missing_from_crm: Contacts that order but that the CRM never learns of.
    """

    orders: WrittenOrders
    events: WrittenEvents
    products: WrittenProducts
    contacts: int
    contacts_missing_from_crm: int

    @property
    def size_bytes(self) -> int:
        """Bytes on disk of all files."""
        return self.orders.size_bytes + self.events.size_bytes + self.products.size_bytes
