"""`rotate-keys` and `audit` as a person meets them."""

import pytest
from click.testing import CliRunner, Result

from de_assets.cli import main
from de_assets.privacy.audit_log import AuditLog
from de_assets_tests.privacy.rings import NEW, OLD, keyring


def run(lake, *arguments: str, key: str = OLD, previous: str | None = None) -> Result:
    environ = {"DE_ASSETS_LAKE": lake.objects.root, "DE_ASSETS_PII_KEY": key}
    if previous is not None:
        environ["DE_ASSETS_PII_KEY_PREVIOUS"] = previous
    return CliRunner().invoke(main, list(arguments), env=environ)


def test_the_audit_log_is_printed_with_its_head(lake):
    log = AuditLog(lake.objects, keyring(OLD), actor="anna")
    log.append("erase", subject="101", details={"rows": 2})

    result = run(lake, "audit")

    assert result.exit_code == 0, result.output
    assert "anna  erase" in result.output
    assert "rows=2" in result.output
    assert f"head: {log.verify().head}\nintact: 2 entries" in result.output


def test_the_entries_of_one_contact_can_be_asked_for(lake):
    log = AuditLog(lake.objects, keyring(OLD), actor="anna")
    log.append("erase", subject="101")
    log.append("look", subject="102")

    result = run(lake, "audit", "--contact", "101")

    assert "erase" in result.output
    assert "look" not in result.output


def test_a_broken_audit_log_exits_with_1_and_says_where(lake):
    log = AuditLog(lake.objects, keyring(OLD))
    log.append("erase")
    lake.objects.delete("audit/000000000001.json")

    result = run(lake, "audit")

    assert result.exit_code == 1
    assert "BROKEN: entry 1 is missing" in result.stderr
    assert "intact" not in result.stdout


def test_a_head_that_the_log_has_lost_exits_with_1(lake):
    head = AuditLog(lake.objects, keyring(OLD)).append("erase").digest
    assert run(lake, "audit", "--expect-head", head).exit_code == 0
    lake.objects.delete("audit/000000000002.json")

    result = run(lake, "audit", "--expect-head", head)

    assert result.exit_code == 1
    assert "the noted head is not in the log" in result.stderr


def test_rotating_keys_says_what_it_did_and_what_to_do_next(lake):
    result = run(lake, "rotate-keys", "--actor", "anna", key=NEW, previous=OLD)

    assert result.exit_code == 0, result.output
    assert f"5 keys wrapped under {keyring(NEW).key_id}" in result.output
    assert "in 3 files" in result.output
    assert "Unset DE_ASSETS_PII_KEY_PREVIOUS" in result.output
    found = AuditLog(lake.objects, keyring(NEW)).verify()
    assert f"audit log head: {found.head}" in result.output
    assert found.entries[-1].actor == "anna"
    assert run(lake, "audit", key=NEW).exit_code == 0
    assert OLD not in result.output
    assert NEW not in result.output


@pytest.mark.parametrize(
    ("key", "previous", "said"),
    [
        (NEW, None, "there is no key to rotate away from"),
        (NEW, NEW, "DE_ASSETS_PII_KEY_PREVIOUS is the same as DE_ASSETS_PII_KEY"),
    ],
)
def test_a_rotation_without_a_key_before_exits_with_2_and_the_fix(lake, key, previous, said):
    result = run(lake, "rotate-keys", key=key, previous=previous)

    assert result.exit_code == 2
    assert said in result.stderr
