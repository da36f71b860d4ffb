"""HubSpot's own client of the v3 paths, `hubspot-api-client`, against the mock.

It has no strict mode, but its models refuse an answer that lacks a required field.
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hubspot import HubSpot
from hubspot.crm import contacts as models
from hubspot.crm import properties as property_models

from de_assets.crm.mock import running_crm
from de_assets_tests.crm.mock.api import SCORE_PROPERTIES, TOKEN, V3, Api


@pytest.fixture
def hubspot(tmp_path: Path) -> Iterator[HubSpot]:
    with running_crm(tmp_path / "crm.db", TOKEN) as crm:
        api = Api(crm.base_url, V3)
        api.define(*SCORE_PROPERTIES)
        api.close()
        yield HubSpot(access_token=TOKEN, host=crm.base_url)


@pytest.fixture
def contacts(hubspot: HubSpot) -> Iterator[SimpleNamespace]:
    """The three parts of the contacts API; their connections are closed at the end."""
    found = hubspot.crm.contacts
    parts = SimpleNamespace(one=found.basic_api, batch=found.batch_api, search=found.search_api)
    yield parts
    for part in vars(parts).values():
        part.api_client.rest_client.pool_manager.clear()


def test_one_contact_is_created_read_updated_and_archived(contacts: SimpleNamespace) -> None:
    created = contacts.one.create(
        models.SimplePublicObjectInputForCreate(properties={"email": "Ana@Shop.example"})
    )
    updated = contacts.one.update(
        created.id, models.SimplePublicObjectInput(properties={"lead_score": "10"})
    )
    read = contacts.one.get_by_id(
        "ana@shop.example",
        id_property="email",
        properties=["lead_score"],
        properties_with_history=["lead_score"],
    )
    contacts.one.archive(created.id)
    archived = contacts.one.get_by_id(created.id, archived=True)

    assert created.properties["email"] == "ana@shop.example"
    assert updated.updated_at > created.updated_at
    [version] = read.properties_with_history["lead_score"]
    assert (version.value, version.source_type) == ("10", "INTEGRATION")
    assert (archived.archived, archived.archived_at) == (True, archived.updated_at)
    with pytest.raises(models.ApiException) as gone:
        contacts.one.get_by_id(created.id)
    assert gone.value.status == 404


def test_the_list_pages_with_the_cursor_of_the_page_before(contacts: SimpleNamespace) -> None:
    for _ in range(3):
        contacts.one.create(models.SimplePublicObjectInputForCreate(properties={}))

    first = contacts.one.get_page(limit=2, archived=False)
    last = contacts.one.get_page(limit=2, after=first.paging.next.after)

    assert [each.id for each in first.results + last.results] == ["1", "2", "3"]
    assert last.paging is None


def test_a_search_filters_sorts_and_pages(contacts: SimpleNamespace) -> None:
    for score in range(3):
        contacts.one.create(
            models.SimplePublicObjectInputForCreate(properties={"lead_score": str(score)})
        )
    at_least_one = models.Filter(property_name="lead_score", operator="GTE", value="1")

    page = contacts.search.do_search(
        models.PublicObjectSearchRequest(
            filter_groups=[models.FilterGroup(filters=[at_least_one])],
            sorts=[{"propertyName": "lead_score", "direction": "DESCENDING"}],
            properties=["lead_score"],
            limit=1,
        )
    )

    assert page.total == 2
    assert page.results[0].properties["lead_score"] == "2"
    assert page.paging.next.after == "1"


def test_every_batch_call_passes(contacts: SimpleNamespace) -> None:
    created = contacts.batch.create(
        models.BatchInputSimplePublicObjectBatchInputForCreate(
            inputs=[models.SimplePublicObjectBatchInputForCreate(properties={"customer_id": "a"})]
        )
    )
    upserted = contacts.batch.upsert(
        models.BatchInputSimplePublicObjectBatchInputUpsert(
            inputs=[
                models.SimplePublicObjectBatchInputUpsert(
                    id=each, id_property="customer_id", properties={"lead_score": "1"}
                )
                for each in ("a", "b")
            ]
        )
    )
    updated = contacts.batch.update(
        models.BatchInputSimplePublicObjectBatchInput(
            inputs=[
                models.SimplePublicObjectBatchInput(
                    id=created.results[0].id, properties={"lead_grade": "A"}
                )
            ]
        )
    )
    read = contacts.batch.read(
        models.BatchReadInputSimplePublicObjectId(
            inputs=[models.SimplePublicObjectId(id=each) for each in ("a", "b")],
            id_property="customer_id",
            properties=["lead_score"],
            properties_with_history=["lead_score"],
        )
    )
    contacts.batch.archive(
        models.BatchInputSimplePublicObjectId(
            inputs=[models.SimplePublicObjectId(id=each.id) for each in read.results]
        )
    )

    assert {each.status for each in (created, upserted, updated, read)} == {"COMPLETE"}
    assert sorted(each.new for each in upserted.results) == [False, True]
    assert {each.properties["lead_score"] for each in read.results} == {"1"}
    assert contacts.one.get_page().results == []


def test_a_partial_success_is_typed_with_its_errors(contacts: SimpleNamespace) -> None:
    answer = contacts.batch.upsert(
        models.BatchInputSimplePublicObjectBatchInputUpsert(
            inputs=[
                models.SimplePublicObjectBatchInputUpsert(
                    id=customer,
                    id_property="customer_id",
                    object_write_trace_id=f"trace-{customer}",
                    properties={"lead_grade": grade},
                )
                for customer, grade in (("good", "A"), ("bad", "Z"))
            ]
        )
    )

    assert isinstance(answer, models.BatchResponseSimplePublicUpsertObjectWithErrors)
    assert [each.object_write_trace_id for each in answer.results] == ["trace-good"]
    assert answer.num_errors == 1
    assert answer.errors[0].context["objectWriteTraceId"] == ["trace-bad"]
    assert answer.errors[0].errors[0].code == "INVALID_OPTION"


def test_properties_are_created_read_and_listed(hubspot: HubSpot) -> None:
    core = hubspot.crm.properties.core_api
    batch = hubspot.crm.properties.batch_api
    tier = {
        "label": "Tier",
        "type": "enumeration",
        "field_type": "select",
        "group_name": "contactinformation",
        "options": [
            property_models.OptionInput(label="Gold", value="gold", hidden=False, display_order=0)
        ],
    }

    created = core.create("contacts", property_models.PropertyCreate(name="tier", **tier))
    more = batch.create(
        "contacts",
        property_models.BatchInputPropertyCreate(
            inputs=[property_models.PropertyCreate(name="second_tier", **tier)]
        ),
    )
    one = core.get_by_name("contacts", "tier")
    many = batch.read(
        "contacts",
        property_models.BatchReadInputPropertyName(
            inputs=[property_models.PropertyName(name=each) for each in ("tier", "absent")],
            archived=False,
        ),
    )
    listed = core.get_all("contacts")
    for part in (core, batch):
        part.api_client.rest_client.pool_manager.clear()

    assert created.options[0].value == "gold"
    assert more.results[0].name == "second_tier"
    assert one.to_dict() == created.to_dict()
    assert isinstance(many, property_models.BatchResponsePropertyWithErrors)
    assert many.errors[0].context == {"name": ["absent"]}
    assert {"tier", "second_tier", "email"} <= {each.name for each in listed.results}


def test_a_contact_is_erased_for_good(contacts: SimpleNamespace) -> None:
    created = contacts.one.create(models.SimplePublicObjectInputForCreate(properties={}))

    contacts.one.purge(models.PublicGdprDeleteInput(object_id=created.id))

    with pytest.raises(models.ApiException) as gone:
        contacts.one.get_by_id(created.id, archived=True)
    assert gone.value.status == 404
