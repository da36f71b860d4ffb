"""What can be set about the company, and the checks of it.

How people behave (season, rates, drop-out) stands as constants beside the code that uses it; here
are the size, the dates and how dirty the files are.
"""

from dataclasses import dataclass, field, fields
from datetime import date, datetime

from de_assets.errors import DeAssetsError

Days = tuple[date, date]
"""The first and the last day of a range, both included."""


class CompanyError(DeAssetsError):
    """The parameters of a company, or a range of its days, make no sense."""


@dataclass(frozen=True, slots=True)
class Dirt:
    """How often the files misbehave. Shares are between 0 and 1, of the lines unless named else.

    The defaults of `untrimmed`, `without_description`, `zero_price`, `duplicate_lines`,
    `redelivered_files` and `duplicate_events` were measured on real shops; all others are
    assumptions, made large enough to be seen in a small company.

    Attributes:
        untrimmed: Descriptions with blanks around them.
        without_description: Empty descriptions.
        placeholder_description: Descriptions such as "?" or "n/a".
        other_description: Lines that call their product by another of its names.
        lower_case_codes: Product codes with a letter, written in lower case.
        zero_price: Lines given away.
        negative_price: Lines whose price is below zero.
        unreadable_quantity: Lines whose quantity is no number.
        unreadable_price: Lines whose price is no number.
        unreadable_date: Lines whose date is no date.
        duplicate_lines: Lines that stand twice in their file.
        redelivered_files: Daily files that are delivered again under another name.
        float_contact_files: Daily files that write contact 17850 as "17850.0".
        has_odd_formats: Whether one file is gzipped, one has a byte order mark and CRLF, and the
            header changes for the last third of the days.
        duplicate_events: Events that stand twice in their file.
        late_events: Events that arrive in the file of the next day.
        unreadable_events: Events with an unreadable time or without a type, half of each.
        missing_from_crm: Contacts with an order that the CRM does not know.
        registered_late: Buyers whom the CRM learned of only after their first order.
        messy_contacts: CRM contacts with blanks or notes in the name or another spelling of the
            country, each.
    """

    untrimmed: float = 0.20
    without_description: float = 0.004
    placeholder_description: float = 0.006
    other_description: float = 0.03
    lower_case_codes: float = 0.06
    zero_price: float = 0.006
    negative_price: float = 0.0004
    unreadable_quantity: float = 0.0004
    unreadable_price: float = 0.0004
    unreadable_date: float = 0.0003
    duplicate_lines: float = 0.011
    redelivered_files: float = 8 / 305
    float_contact_files: float = 0.15
    has_odd_formats: bool = True
    duplicate_events: float = 0.0002
    late_events: float = 0.005
    unreadable_events: float = 0.0003
    missing_from_crm: float = 0.02
    registered_late: float = 0.01
    messy_contacts: float = 0.02

    def __post_init__(self) -> None:
        """Refuse a share that is none.

        Raises:
            CompanyError: A share is below 0 or above 1.
        """
        for each in fields(self):
            if not 0 <= getattr(self, each.name) <= 1:
                raise CompanyError(
                    f"Dirt.{each.name} is not a share.", fix="Give a number from 0 to 1."
                )


NO_DIRT = Dirt(
    untrimmed=0,
    without_description=0,
    placeholder_description=0,
    other_description=0,
    lower_case_codes=0,
    zero_price=0,
    negative_price=0,
    unreadable_quantity=0,
    unreadable_price=0,
    unreadable_date=0,
    duplicate_lines=0,
    redelivered_files=0,
    float_contact_files=0,
    has_odd_formats=False,
    duplicate_events=0,
    late_events=0,
    unreadable_events=0,
    missing_from_crm=0,
    registered_late=0,
    messy_contacts=0,
)
"""Files as every supplier promises them."""


@dataclass(frozen=True, slots=True)
class Company:
    """The parameters of one made-up company; equal parameters give equal bytes.

    Everything that happens depends on all parameters, `end` included: to deliver one day after
    the other, choose the last day first and write parts of the range.

    Attributes:
        seed: Another seed is another company.
        contacts: Contacts known by the last day, leads who never buy included.
        start: The first day with files. A part of the contacts is older.
        end: The last day with files.
        events_per_day: Web and e-mail events on an average day, strangers included. 0 for none.
        products: Products in the catalogue by the last day, at most 90,000.
        lines_per_order: Median number of lines of an order; the mean is about 1.4 times that.
        buyer_share: Contacts who buy at some time, perhaps after the last day.
        orders_per_month: Orders of an average buyer who has not dropped out, in 30 days.
        cancelled_share: Orders of contacts of which something is cancelled, sooner or later.
        unknown_contact_share: Lines without a contact, over the year; by day from 0 to 0.87.
        dirt: How the files misbehave.
    """

    seed: int = 20
    contacts: int = 1_500
    start: date = date(2024, 9, 2)
    end: date = date(2025, 6, 28)
    events_per_day: int = 700
    products: int = 900
    lines_per_order: float = 8.0
    buyer_share: float = 0.7
    orders_per_month: float = 0.7
    cancelled_share: float = 0.176
    unknown_contact_share: float = 0.22
    dirt: Dirt = field(default_factory=Dirt)

    def __post_init__(self) -> None:
        """Refuse parameters that contradict each other.

        Raises:
            CompanyError: A size is not positive, a share is none, or the days are out of order.
        """
        if isinstance(self.start, datetime) or isinstance(self.end, datetime):
            raise CompanyError(
                "Company.start and .end are days.", fix="Give dates without a time of day."
            )
        if self.end < self.start:
            raise CompanyError(
                "The company ends before it starts.",
                where=f"start {self.start}, end {self.end}",
                fix="Give an end on or after the start.",
            )
        for name in ("contacts", "products", "lines_per_order", "orders_per_month"):
            if getattr(self, name) <= 0:
                raise CompanyError(f"Company.{name} must be positive.")
        if self.products > 90_000:
            raise CompanyError("Company.products is above 90,000, more than there are codes.")
        if self.events_per_day < 0:
            raise CompanyError("Company.events_per_day is below zero.", fix="Give 0 for none.")
        for name in ("buyer_share", "cancelled_share", "unknown_contact_share"):
            if not 0 <= getattr(self, name) <= 0.9:
                raise CompanyError(f"Company.{name} must lie between 0 and 0.9.")

    @property
    def length_days(self) -> int:
        """Days from start to end, both included."""
        return (self.end - self.start).days + 1

    def day_range(self, days: Days | None) -> tuple[int, int]:
        """First and last day number of a range, counted from `start`; without one, all days.

        Raises:
            CompanyError: The range is reversed or reaches outside the company's days.
        """
        first, last = days or (self.start, self.end)
        if not self.start <= first <= last <= self.end:
            raise CompanyError(
                "These days are not a part of the company's days.",
                where=f"{first} to {last}, of {self.start} to {self.end}",
                fix="Give a first and a last day inside the company's, in this order.",
            )
        return (first - self.start).days, (last - self.start).days
