"""Audit logs for the tests, and how somebody with access to the bucket would forge an entry."""

import json
from datetime import UTC, datetime

from de_assets.privacy.audit_log import AuditLog
from de_assets_tests.privacy.rings import keyring

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENTRIES = 5


def log_of(objects, ring=None, **more) -> AuditLog:
    return AuditLog(objects, ring or keyring(), actor="anna", now=lambda: NOON, **more)


def filled(objects, ring=None, entries: int = ENTRIES) -> AuditLog:
    log = log_of(objects, ring)
    for number in range(entries):
        log.append("erase", subject=f"contact-{number}", details={"rows": number})
    return log


def key(number: int) -> str:
    return f"audit/{number:012d}.json"


def changed(data: bytes, **fields: object) -> bytes:
    return json.dumps(json.loads(data) | fields, sort_keys=True, separators=(",", ":")).encode()
