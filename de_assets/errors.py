"""The one family of errors that this project raises on purpose.

Each says what happened, where, and what to do about it. Values of rows never appear in them,
since any value may be personal. Errors of other libraries are wrapped only where we can say more.
"""


class DeAssetsError(Exception):
    """What happened, where (file, key, asset, partition) and the fix, in that order."""

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.fix = fix
        lines = [what]
        if where:
            lines.append(f"  where: {where}")
        if fix:
            lines.append(f"  fix:   {fix}")
        super().__init__("\n".join(lines))


class SettingsError(DeAssetsError):
    """A setting is missing or wrong."""


class SourcesError(DeAssetsError):
    """The sources file is wrong: `where` holds the file and the key."""


class UnreadableDeliveryError(DeAssetsError):
    """A delivered file cannot be read as what it claims to be. Reading it again will not help."""


class StorageError(DeAssetsError):
    """The lake refused an operation, or holds something that it should not."""


class PreconditionFailedError(StorageError):
    """A conditional write lost: the object is not what the writer last saw."""


class ModelError(DeAssetsError):
    """A model artefact is missing, altered, or does not fit the features."""


class CrmError(DeAssetsError):
    """The CRM refused a request for good; sending it again will not help."""


class CrmUnavailableError(DeAssetsError):
    """The CRM did not answer within the budget of attempts; a later run may succeed."""
