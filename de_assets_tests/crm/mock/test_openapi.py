"""The document of the API, and a fuzzer that holds the server to it.

The fuzzer is seeded and bounded: the same requests every time, a few dozen for each call.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from de_assets.crm.mock import running_crm
from de_assets.crm.mock.openapi import document
from de_assets_tests.crm.mock.api import SCORE_PROPERTIES, TOKEN, Api

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
]
PROPERTY_NAMES = ("email", "firstname", "lead_score", "lead_grade", "customer_id", "createdate")


def likely(document: dict[str, Any]) -> dict[str, Any]:
    """The document with ids and property names that exist, so that requests reach the records."""
    name = {"anyOf": [{"enum": [*PROPERTY_NAMES]}, {"type": "string"}]}
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["name"] == "contact_id":
                    parameter["schema"] = {"enum": ["1", "2", "3", "ana@shop.example", "0x1", "🦉"]}
                elif parameter["name"] in ("idProperty", "propertiesWithHistory", "properties"):
                    parameter["schema"] = name
                elif parameter["name"] == "version":
                    parameter["schema"] = {"const": "2026-03"}
    schemas = document["components"]["schemas"]
    schemas["PropertyValues"] = {
        "type": "object",
        "properties": {each: {"type": "string"} for each in PROPERTY_NAMES},
        "additionalProperties": {"type": "string"},
    }
    schemas["Filter"]["properties"]["propertyName"] = name
    schemas["WriteInput"]["properties"]["id"] = {
        "anyOf": [{"enum": ["1", "2", "a"]}, {"type": "string"}]
    }
    return document


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_crm(tmp_path_factory.mktemp("crm") / "crm.db", TOKEN) as crm:
        api = Api(crm.base_url)
        api.define(*SCORE_PROPERTIES)
        for customer in "abc":
            api.create(customer_id=customer, email=f"{customer}@shop.example", lead_score="10")
        api.close()
        yield crm.base_url


schema = schemathesis.openapi.from_dict(likely(document()))
# The calls have the right token; `ignored_auth` repeats each without it.
schema.config.generation.with_security_parameters = False
# An API may pass over a query parameter that it does not know, and this one does.
schema.config.generation.allow_extra_parameters = False


def test_the_served_document_is_valid_openapi(base_url: str) -> None:
    served = requests.get(f"{base_url}/openapi.json", timeout=30).json()

    validate(served)
    assert served == document()


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[*HealthCheck],
)
def test_no_request_makes_the_server_fail_or_leave_its_contract(
    case: schemathesis.Case, base_url: str
) -> None:
    answer = case.call(base_url=base_url, headers={"Authorization": f"Bearer {TOKEN}"})

    case.validate_response(answer, checks=CHECKS)
