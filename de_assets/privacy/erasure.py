"""Erases a person from everything that this project holds or writes to.

The order is what makes it safe to be killed: first the tombstone, so that no run brings the person
back; then what must still be done, encrypted; then the holders, each of which may be asked again;
last the receipt. Used by the command `de-assets erase`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from de_assets.errors import DeAssetsError
from de_assets.privacy.audit_log import AuditLog
from de_assets.privacy.erased import Erased
from de_assets.privacy.find_subject import Finder
from de_assets.privacy.holders import Erasure, PersonalDataHolder, TablesOfTheLake
from de_assets.privacy.subject import Subject
from de_assets.privacy.tombstones import Days, Pending, Tombstones

ACTION = "erase"


class UnknownContactError(DeAssetsError):
    """Nothing in the lake names that contact, and nobody of that name was erased."""


@dataclass(frozen=True)
class Receipt:
    """What an erasure did; the same counts stand in the audit log.

    Attributes:
        counts: Rows, objects and records by what they were of.
        entry: Number of the entry in the audit log.
        head: Digest of that entry, to be noted elsewhere.
        was_erased_before: Whether there was a tombstone already, and nothing left to find.
        person: What recognises the person, for looking where we must not erase.
    """

    counts: Mapping[str, int]
    entry: int
    head: str
    was_erased_before: bool
    person: Erased


@dataclass(frozen=True)
class Eraser:
    """Erases people from one lake and from what stands around it.

    Attributes:
        finder: Who is meant.
        tombstones: Who must not come back.
        tables: The tables of the lake, which tell where the person is.
        holders: All that hold personal data, in the order in which they are asked; `tables` too.
        audit_log: Where the receipt goes.
        say: Called with the name of each step, for a person who waits.
    """

    finder: Finder
    tombstones: Tombstones
    tables: TablesOfTheLake
    holders: Sequence[PersonalDataHolder]
    audit_log: AuditLog
    say: Callable[[str], None] = lambda _step: None

    def erase(self, contact: str, reason: str = "request") -> Receipt:
        """Erase a person for good. May be called again, also after it was killed at any point.

        Args:
            contact: Our contact id, or an e-mail address that one contact has.
            reason: Why, one lower-case word.

        Returns:
            What was done now; of a person who was erased before, what was still to do.

        Raises:
            UnknownContactError: there is no such contact, and was none that was erased.
            AmbiguousContactError: several contacts have the address.
            CrmUnavailableError, CrmError: the lake has forgotten the person, the CRM has not; call
                it again.
            StorageError: the lake refused; what was done stays done; call it again.
        """
        self.say("looking for all that names the person")
        found = self.finder.find(contact)
        subject = found or self._named(contact)
        before = self.tombstones.pending(subject)
        was_erased = self._was_erased(subject)
        if found is None and before is None and not was_erased:
            raise UnknownContactError(
                "no such contact",
                where="the tables of the lake, and the tombstones",
                fix="give the contact id as in modeled/dim_contact, or the e-mail address as the "
                "CRM has it",
            )
        if before is not None:
            subject |= before.subject
        self.say("setting the tombstone")
        erased = self.tombstones.add(subject)
        self.say("looking for the tables that hold the person")
        days = _union(self.tables.holding(erased), before.days if before else {})
        self.tombstones.begin(Pending(subject, days))
        counts: dict[str, int] = {}
        for holder in self.holders:
            self.say(f"erasing: {type(holder).__name__}")
            counts |= holder.erase(Erasure(subject, erased, days))
        counts["identifiers_shared_with_others"] = subject.shared
        entry = self.audit_log.append(
            ACTION, subject=_one_of(subject, contact), details=counts | {f"reason_{reason}": 1}
        )
        self.tombstones.finish(subject)
        is_again = was_erased and before is None and found is None
        person = self.tombstones.person(subject)
        return Receipt(counts, entry.number, entry.digest, is_again, person)

    def _was_erased(self, subject: Subject) -> bool:
        return any(
            self.tombstones.has(kind, one)
            for kind in ("contact", "email")
            for one in subject.of(kind)
        )

    def _named(self, contact: str) -> Subject:
        """Somebody of whom nothing is known but what was given."""
        text = contact.strip()
        is_address = "@" in text and not self.tombstones.has("contact", text)
        given = frozenset({text})
        return Subject(email=given) if is_address else Subject(contact=given)


def _union(one: Days, other: Days) -> Days:
    return {
        key: tuple(sorted({*one.get(key, ()), *other.get(key, ())}, key=str))
        for key in {**one, **other}
    }


def _one_of(subject: Subject, given: str) -> str:
    """The id by which the audit log knows the person, as a token."""
    return given.strip() if given.strip() in subject.contact else min(subject.contact or {given})
