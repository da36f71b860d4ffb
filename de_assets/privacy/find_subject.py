"""Finds in the lake all that names one person, from a contact id or an e-mail address.

Which tables are asked follows from the contracts: those that have a contact beside another
identifier. Used by `erasure.py`, before anything is removed.
"""

from collections.abc import Iterator, Mapping

import polars as pl

from de_assets.contracts.source_tables import CONTACTS
from de_assets.contracts.tables import TABLES
from de_assets.crm.ledger import Ledger
from de_assets.errors import DeAssetsError
from de_assets.privacy.erased import KINDS, OWNERS, Kind
from de_assets.privacy.identity import SubjectKeys, decrypt_rows
from de_assets.privacy.keys import Keyring
from de_assets.privacy.subject import Subject
from de_assets.privacy.tables import all_rows
from de_assets.storage.lake import Lake
from de_assets.transforms.tokens import normalise

CONTACT = "contact_id"
EMAIL_TOKEN = "email_token"  # noqa: S105  a column
IDENTITY = f"identity/{CONTACTS.name}"
STAND_IN = "crm-"  # how raw names a contact for which the CRM has no key of ours
# What stands beside a contact, by the name of its column.
BESIDE: Mapping[str, Kind] = {
    **{name: kind for name, kind in OWNERS.items() if name != CONTACT},
    "crm_id": "crm",
    "email": "email",
    "phone": "phone",
}
# There these columns hold tokens or ciphertext.
UNREADABLE = ("quarantine", "identity")


class AmbiguousContactError(DeAssetsError):
    """More than one contact has that e-mail address."""


class Finder:
    """Looks for people in one lake."""

    def __init__(self, lake: Lake, keyring: Keyring) -> None:
        """Nothing is read yet."""
        self._lake = lake
        self._keyring = keyring

    def find(self, given: str) -> Subject | None:
        """The person of a contact id, else of an e-mail address; None if there is no trace.

        Raises:
            AmbiguousContactError: several contacts have the address.
            SettingsError: their identities are encrypted under a key that is not at hand.
        """
        contact = given.strip()
        if self._is_contact(contact):
            return self._subject(contact)
        contacts = self._contacts_of(contact) if "@" in contact else set()
        if len(contacts) > 1:
            raise AmbiguousContactError(
                f"{len(contacts)} contacts have this e-mail address",
                where=f"raw/{CONTACTS.name}, cleaned/{CONTACTS.name}",
                fix="look them up there, and erase each of them by its contact id",
            )
        return self._subject(contacts.pop()) if contacts else None

    def _is_contact(self, contact: str) -> bool:
        for key, contract in TABLES.items():
            if CONTACT in contract.to_schema().columns:
                rows = all_rows(self._lake, key)
                if rows is not None and _has(rows, _text(CONTACT) == contact):
                    return True
        return _has(self._ledger(), _text(CONTACT) == contact)

    def _contacts_of(self, email: str) -> set[str]:
        """Contacts with an address: as raw has it, or by its token where raw has it no more."""
        found: set[str] = set()
        raw = all_rows(self._lake, f"raw/{CONTACTS.name}")
        if raw is not None:
            pairs = raw.select(_text(CONTACT), _text("email")).drop_nulls().unique().collect()
            found |= {one for one, text in pairs.iter_rows() if normalise(text) == normalise(email)}
        cleaned = all_rows(self._lake, f"cleaned/{CONTACTS.name}")
        if cleaned is not None:
            tokens = [key.token(email) for key in self._keyring.known().values()]
            is_theirs = pl.col(EMAIL_TOKEN).is_in(tokens)
            found |= set(cleaned.filter(is_theirs).select(CONTACT).unique().collect()[CONTACT])
        return found

    def _subject(self, contact: str) -> Subject:
        contacts = self._with_stand_ins(contact)
        found: dict[Kind, set[str]] = {kind: set() for kind in KINDS}
        found["contact"] = contacts
        of_others: dict[Kind, set[str]] = {kind: set() for kind in KINDS}
        is_theirs = pl.col(CONTACT).is_in(list(contacts))
        for rows in self._beside():
            mine = rows.filter(is_theirs).unique().collect()
            kinds = [kind for kind in KINDS if kind in mine.columns]
            if mine.is_empty():
                continue
            has_mine = [pl.col(kind).is_in(mine[kind].drop_nulls().to_list()) for kind in kinds]
            others = rows.filter(~is_theirs, pl.any_horizontal(has_mine)).unique().collect()
            for kind in kinds:
                found[kind] |= set(mine[kind].drop_nulls())
                of_others[kind] |= set(mine[kind].drop_nulls()) & set(others[kind].drop_nulls())
        for kind, values in self._decrypted(contacts).items():
            found[kind] |= values
        shared = sum(len(found[kind] & of_others[kind]) for kind in KINDS)
        own = {kind: frozenset(found[kind] - of_others[kind]) for kind in KINDS}
        return Subject(**own, shared=shared)

    def _with_stand_ins(self, contact: str) -> set[str]:
        """The contact, and under which other id the same record of the CRM came at other times."""
        pairs = [
            rows.select(CONTACT, "crm").drop_nulls().unique().collect()
            for rows in self._beside()
            if "crm" in rows.collect_schema().names()
        ]
        records = pl.concat(pairs).unique()
        mine = set(records.filter(pl.col(CONTACT) == contact)["crm"])
        if contact.startswith(STAND_IN):
            mine.add(contact.removeprefix(STAND_IN))
        contacts = {contact}
        for record in mine:
            stand_in = STAND_IN + record
            holders = set(records.filter(pl.col("crm") == record)[CONTACT]) - {stand_in}
            if holders <= {contact} or (contact == stand_in and len(holders) == 1):
                contacts |= {*holders, stand_in}
        return contacts

    def _beside(self) -> Iterator[pl.LazyFrame]:
        """Of each table with more than a contact: `contact_id` and a column a kind, all text."""
        for key, contract in TABLES.items():
            names = contract.to_schema().columns
            is_readable = not key.startswith(UNREADABLE)
            beside = {
                kind: name
                for name, kind in BESIDE.items()
                if name in names and (is_readable or name not in CONTACTS.direct_identifiers)
            }
            rows = all_rows(self._lake, key) if CONTACT in names and beside else None
            if rows is not None:
                texts = {kind: _text(name) for kind, name in beside.items()}
                yield rows.select(_text(CONTACT), **texts)
        yield self._ledger().select(_text(CONTACT), crm=_text("crm_id"))

    def _ledger(self) -> pl.LazyFrame:
        return Ledger(self._lake.objects).read().lazy()

    def _decrypted(self, contacts: set[str]) -> dict[Kind, set[str]]:
        """What the identity table still knows, after raw forgot it."""
        rows = all_rows(self._lake, IDENTITY)
        if rows is None:
            return {}
        theirs = rows.filter(pl.col(CONTACT).is_in(list(contacts))).collect()
        keys = SubjectKeys(self._lake.objects, self._keyring).read(contacts)
        kinds: dict[str, Kind] = {"email": "email", "phone": "phone"}
        plain = decrypt_rows(theirs, keys, IDENTITY, list(kinds))
        return {kind: set(plain[name].drop_nulls()) for name, kind in kinds.items()}


def _text(name: str) -> pl.Expr:
    """An identifier as the cleaned tables read it."""
    text = pl.col(name).cast(pl.String).str.strip_chars().str.replace(r"^([0-9]+)\.0+$", "$1")
    return pl.when(text != "").then(text).alias(name)


def _has(rows: pl.LazyFrame, condition: pl.Expr) -> bool:
    return not rows.filter(condition).select(CONTACT).head(1).collect().is_empty()
