"""Taking a key out of service: everything that depends on it is made to depend on the new one.

Keys of people and stored keys are wrapped again, tokens are rewritten file by file, and the audit
log vouches for itself. Each step does only what is left to do, so a killed rotation is run again.
Used by `de-assets rotate-keys`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

import polars as pl

from de_assets.errors import PreconditionFailedError, SettingsError, StorageError
from de_assets.privacy.audit_log import AuditLog
from de_assets.privacy.identity import SubjectKeys
from de_assets.privacy.keys import Keyring, MasterKey
from de_assets.privacy.stored_keys import PREFIX as KEYS
from de_assets.privacy.stored_keys import rewrap_stored_keys, wrapping_key_ids
from de_assets.privacy.token_map import map_tokens, table_files, token_columns
from de_assets.storage.lake import COMPRESSION_LEVEL, Lake
from de_assets.storage.versions import PurgeRefusedError

ACTION = "rotate_keys"
BEGUN_PREFIX = "identity/_rotations/"
# In the footer of a rewritten file, so that file and mark change together: under which key all its
# tokens are. Without it, a token that nobody can explain would be replaced again by the next try.
MARK = "de_assets.token_key_id"
SURVEYS = 3


@dataclass(frozen=True)
class Rotation:
    """What a rotation did. What an earlier, killed try had done already is not counted again.

    Attributes:
        subject_keys: Keys of people that were wrapped again.
        stored_keys: Other keys that were wrapped again.
        files: Files of tables that were rewritten.
        tokens: Distinct tokens that were replaced by those of the new key.
        orphaned_tokens: Distinct tokens whose value nobody holds any more; replaced by a digest.
        purged_versions: Older versions of objects that were removed.
        head: The head of the audit log afterwards.
    """

    subject_keys: int
    stored_keys: int
    files: int
    tokens: int
    orphaned_tokens: int
    purged_versions: int
    head: str


@dataclass(frozen=True)
class _TokenFile:
    """A file that may hold tokens of the key before."""

    key: str
    version: str
    columns: tuple[str, ...]
    tokens: frozenset[str]


def rotate_keys(
    lake: Lake, keyring: Keyring, log: AuditLog, say: Callable[[str], object] = lambda _: None
) -> Rotation:
    """Move a lake from `keyring.previous` to `keyring.current`. No run should be at work meanwhile.

    Args:
        lake: The lake.
        keyring: Both keys.
        log: Its audit log, which gets an entry when it begins and one when it is done.
        say: Called with a line of text at each step.

    Raises:
        SettingsError: there is no key before, or it is the same one.
        StorageError: something does not open, runs keep rewriting the tables, or the audit log is
            broken. What was done stays done; run it again.
        PurgeRefusedError: all is done but that the bucket keeps older versions of the files.
    """
    previous = _key_before(keyring)
    started = datetime.now(UTC)
    _begin(lake, keyring, previous)
    log.append(ACTION)
    subject_keys = SubjectKeys(lake.objects, keyring).rewrap()
    stored_keys = rewrap_stored_keys(lake.objects, keyring)
    say(f"{subject_keys + stored_keys:,} keys wrapped under {keyring.key_id}")
    files, renewed, orphaned = _rewrite_tokens(lake, keyring, previous)
    say(
        f"{len(renewed):,} tokens replaced in {files:,} files, and {len(orphaned):,} more whose "
        "values nobody holds"
    )
    refused: PurgeRefusedError | None = None
    purged = 0
    try:
        for prefix in (KEYS, *(f"{table}/" for table in token_columns())):
            purged += lake.objects.purge(prefix, uploads_before=started)
    except PurgeRefusedError as error:
        refused = error
    counts = {
        "subject_keys": subject_keys,
        "stored_keys": stored_keys,
        "files": files,
        "tokens": len(renewed),
        "orphaned_tokens": len(orphaned),
        "purged_versions": purged,
    }
    head = log.vouch(counts).digest
    if refused is not None:
        raise refused
    return Rotation(**counts, head=head)


def _key_before(keyring: Keyring) -> MasterKey:
    if keyring.previous is None:
        raise SettingsError(
            "there is no key to rotate away from",
            where="DE_ASSETS_PII_KEY_PREVIOUS",
            fix="set it to the old key, and DE_ASSETS_PII_KEY to the new one",
        )
    if keyring.previous.key_id == keyring.key_id:
        raise SettingsError(
            "the key before is the key in use",
            where="DE_ASSETS_PII_KEY_PREVIOUS",
            fix="set DE_ASSETS_PII_KEY to a new key, such as `openssl rand -base64 32` prints",
        )
    return keyring.previous


def _begin(lake: Lake, keyring: Keyring, previous: MasterKey) -> None:
    """Make sure that the key before is this lake's: a wrong one would make orphans of all tokens.

    That the rotation began is kept, since later no object is under the old key any more.
    """
    begun = f"{BEGUN_PREFIX}{previous.key_id}-to-{keyring.key_id}.json"
    if any(info.key == begun for info in lake.objects.list(begun)):
        return
    found = SubjectKeys(lake.objects, keyring).key_ids() | wrapping_key_ids(lake.objects)
    is_empty = not found and not any(each.tokens for each in _survey(lake, keyring.key_id))
    if previous.key_id not in found and not is_empty:
        raise SettingsError(
            f"nothing in this lake is under the key {previous.key_id}"
            + (f", but under {' and '.join(sorted(found))}" if found else ""),
            where="DE_ASSETS_PII_KEY_PREVIOUS",
            fix="set it to the key that this lake was written with",
        )
    lake.objects.write(begun, b"{}")


def _rewrite_tokens(
    lake: Lake, keyring: Keyring, previous: MasterKey
) -> tuple[int, set[str], set[str]]:
    """How many files were rewritten, the tokens that were renewed and those that are orphans."""
    files = 0
    renewed: set[str] = set()
    orphaned: set[str] = set()
    for _ in range(SURVEYS):
        found = _survey(lake, keyring.key_id)
        tokens = frozenset[str]().union(*(each.tokens for each in found))
        new = map_tokens(lake, keyring, previous, tokens)
        renewed |= set(new.renewed)
        orphaned |= set(new.orphaned)
        replacements = new.renewed | new.orphaned
        overtaken = 0
        for each in found:
            if not each.tokens.isdisjoint(replacements):
                try:
                    _rewrite(lake, each, replacements, keyring.key_id)
                    files += 1
                except PreconditionFailedError:
                    overtaken += 1
        if not overtaken:
            return files, renewed, orphaned
    raise StorageError(
        f"{overtaken} files were written by somebody else while their tokens were replaced",
        where=lake.objects.root,
        fix="stop schedules, sensors and runs, and run `de-assets rotate-keys` again",
    )


def _survey(lake: Lake, key_id: str) -> list[_TokenFile]:
    """The files with tokens that are not marked as those of the key in use."""
    found = []
    for table, names in token_columns().items():
        for key in table_files(lake.objects, table):
            data, version = lake.objects.read(key)
            if pl.read_parquet_metadata(BytesIO(data)).get(MARK) == key_id:
                continue
            # A file of an earlier version of the contract may lack a column.
            held = tuple(name for name in names if name in pl.read_parquet_schema(BytesIO(data)))
            frame = pl.read_parquet(BytesIO(data), columns=list(held), hive_partitioning=False)
            tokens = frozenset(token for name in held for token in frame[name].drop_nulls())
            found.append(_TokenFile(key, version, held, tokens))
    return found


def _rewrite(lake: Lake, file: _TokenFile, replacements: Mapping[str, str], key_id: str) -> None:
    """Replace the tokens of a file that is still the one that was surveyed.

    Raises:
        PreconditionFailedError: it is another one now.
    """
    data, _ = lake.objects.read(file.key)
    own = {token: replacements[token] for token in file.tokens if token in replacements}
    frame = pl.read_parquet(BytesIO(data), hive_partitioning=False).with_columns(
        pl.col(file.columns).replace(own)
    )
    buffer = BytesIO()
    frame.write_parquet(
        buffer,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        statistics=True,
        metadata={MARK: key_id},
    )
    lake.objects.write(file.key, buffer.getvalue(), if_match=file.version)
