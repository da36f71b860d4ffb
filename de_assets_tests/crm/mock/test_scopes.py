"""Tokens with few scopes: what each may do, and what it is told otherwise."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from de_assets.crm.mock import create_app, running_crm
from de_assets.crm.mock.scopes import (
    READ_CONTACTS,
    READ_PROPERTIES,
    WRITE_CONTACTS,
    WRITE_PROPERTIES,
)
from de_assets_tests.crm.mock.api import DATED, TOKEN, V3

SCOPES = (READ_CONTACTS, WRITE_CONTACTS, READ_PROPERTIES, WRITE_PROPERTIES)
PROPERTIES = "/crm/properties/2026-03/contacts"


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with one token for each scope, named as the scope, and one without any."""
    database = tmp_path_factory.mktemp("crm") / "crm.db"
    tokens = {scope: [scope] for scope in SCOPES} | {"nothing": []}
    with running_crm(database, TOKEN, limited_tokens=tokens) as crm:
        yield crm.base_url


def status(base_url: str, token: str, method: str, path: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(
        method, base_url + path, json={}, headers=headers, timeout=30
    ).status_code


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", V3, {READ_CONTACTS}),
        ("GET", f"{V3}/1", {READ_CONTACTS}),
        ("POST", f"{DATED}/search", {READ_CONTACTS}),
        ("POST", f"{DATED}/batch/read", {READ_CONTACTS}),
        ("POST", V3, {WRITE_CONTACTS}),
        ("PATCH", f"{V3}/1", {WRITE_CONTACTS}),
        ("DELETE", f"{V3}/1", {WRITE_CONTACTS}),
        ("POST", f"{DATED}/batch/upsert", {WRITE_CONTACTS}),
        ("POST", f"{DATED}/gdpr-delete", {WRITE_CONTACTS}),
        ("GET", PROPERTIES, {READ_PROPERTIES, READ_CONTACTS}),
        ("POST", f"{PROPERTIES}/batch/read", {READ_PROPERTIES, READ_CONTACTS}),
        ("POST", PROPERTIES, {WRITE_PROPERTIES}),
        ("POST", f"{PROPERTIES}/batch/create", {WRITE_PROPERTIES}),
    ],
)
def test_a_call_needs_its_scope(base_url: str, method: str, path: str, needed: set[str]) -> None:
    allowed = {
        scope for scope in (*SCOPES, "nothing") if status(base_url, scope, method, path) != 403
    }

    assert allowed == needed


def test_a_refusal_names_the_scopes_that_are_missing(base_url: str) -> None:
    answer = requests.get(
        base_url + PROPERTIES, headers={"Authorization": "Bearer nothing"}, timeout=30
    )

    assert answer.status_code == 403
    assert answer.json()["category"] == "MISSING_SCOPES"
    [error] = answer.json()["errors"]
    assert error["context"]["requiredGranularScopes"] == [READ_PROPERTIES, READ_CONTACTS]


def test_a_wrong_token_is_not_told_about_scopes(base_url: str) -> None:
    assert status(base_url, "wrong", "GET", V3) == 401


def test_an_unknown_scope_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"crm\.objects\.deals\.read"):
        create_app(tmp_path / "crm.db", TOKEN, limited_tokens={"few": ["crm.objects.deals.read"]})
