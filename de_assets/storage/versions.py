"""What S3 keeps of objects that were overwritten, deleted or never finished, and its removal.

Used by `objects.py` for `purge`. Not here: a local directory, which keeps nothing but the temporary
files of killed writers (`replacing.py`).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from de_assets.errors import StorageError

MOST_KEYS_PER_REQUEST = 1000  # the API refuses more
ACTIONS = (
    "s3:ListBucketVersions, s3:DeleteObjectVersion, s3:ListBucketMultipartUploads and "
    "s3:AbortMultipartUpload"
)
REFUSED = ("AccessDenied", "MethodNotAllowed", "InvalidRequest")


class PurgeRefusedError(StorageError):
    """The bucket did not let us remove old versions; what was asked to be forgotten is there."""


def purge_bucket(
    client: Any,  # noqa: ANN401  boto3 makes its classes at run time
    bucket: str,
    prefix: str,
    *,
    uploads_before: datetime | None = None,
) -> int:
    """Remove every noncurrent version, then every delete marker, and abort unfinished uploads.

    A marker goes after the versions that it hides: the other way round the newest of them would be
    the object again for a moment, or for good if we are killed between.

    Args:
        client: A boto3 client.
        bucket: The bucket, with or without versioning.
        prefix: Where the keys begin.
        uploads_before: Only uploads that were begun before this moment are aborted; None: all,
            those of living writers too, which then fail.

    Returns:
        How many versions, markers and uploads were removed.

    Raises:
        PurgeRefusedError: the role or a lock on the objects forbids it.
    """
    from botocore.exceptions import ClientError

    try:
        pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        versions: list[dict[str, str]] = []
        markers: list[dict[str, str]] = []
        for page in pages:
            old = [entry for entry in page.get("Versions", []) if not entry["IsLatest"]]
            versions.extend(map(_named, old))
            markers.extend(map(_named, page.get("DeleteMarkers", [])))
        _remove(client, bucket, versions)
        _remove(client, bucket, markers)
        uploads = list(_uploads(client, bucket, prefix, uploads_before))
        for upload in uploads:
            client.abort_multipart_upload(Bucket=bucket, **upload)
    except ClientError as error:
        if error.response["Error"]["Code"] not in REFUSED:
            raise
        raise _refused(bucket, prefix, error.response["Error"]["Code"]) from None
    return len(versions) + len(markers) + len(uploads)


def _named(entry: dict[str, Any]) -> dict[str, str]:
    return {"Key": entry["Key"], "VersionId": entry["VersionId"]}


def _remove(client: Any, bucket: str, entries: list[dict[str, str]]) -> None:  # noqa: ANN401
    for start in range(0, len(entries), MOST_KEYS_PER_REQUEST):
        part = entries[start : start + MOST_KEYS_PER_REQUEST]
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": part, "Quiet": True})
        for error in answer.get("Errors", []):
            raise _refused(bucket, error["Key"], error["Code"])


def _uploads(
    client: Any,  # noqa: ANN401
    bucket: str,
    prefix: str,
    before: datetime | None,
) -> Iterator[dict[str, str]]:
    pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for upload in page.get("Uploads", []):
            # Not every server keeps to the prefix here.
            if upload["Key"].startswith(prefix) and (
                before is None or upload["Initiated"] < before
            ):
                yield {"Key": upload["Key"], "UploadId": upload["UploadId"]}


def _refused(bucket: str, key: str, code: str) -> PurgeRefusedError:
    return PurgeRefusedError(
        f"old versions cannot be removed ({code})",
        where=f"s3://{bucket}/{key}",
        fix=f"allow this role {ACTIONS} here, and see that no object lock holds the objects; then "
        "run again",
    )
