"""HubSpot's own client of the dated paths, `hubspot-sdk`, in its strict mode, against the mock.

Strict means that an answer that does not fit the types of the SDK is an error of the test.
"""

from collections.abc import Iterator
from pathlib import Path

import hubspot_sdk
import pytest
from hubspot_sdk import HubSpot

from de_assets.crm.mock import running_crm
from de_assets_tests.crm.mock.api import SCORE_PROPERTIES, TOKEN, Api

# The SDK types every property as a text, but HubSpot documents null for one without a value; so
# these contacts have all that is shown unasked, and calls name only what is set.
ANA = {"email": "Ana@Shop.example", "firstname": "Ana", "lastname": "Ruiz"}


@pytest.fixture
def hubspot(tmp_path: Path) -> Iterator[HubSpot]:
    with running_crm(tmp_path / "crm.db", TOKEN) as crm:
        api = Api(crm.base_url)
        api.define(*SCORE_PROPERTIES)
        api.close()
        with HubSpot(
            access_token=TOKEN,
            base_url=crm.base_url,
            max_retries=0,
            _strict_response_validation=True,
        ) as client:
            yield client


def test_one_contact_is_created_read_updated_and_archived(hubspot: HubSpot) -> None:
    contacts = hubspot.crm.objects.contacts

    created = contacts.create(properties=ANA, associations=[])
    updated = contacts.update(created.id, properties={"lead_score": "10"})
    by_email = contacts.get(
        "ana@shop.example",
        id_property="email",
        properties=["lead_score"],
        properties_with_history=["lead_score"],
    )
    contacts.delete(created.id)
    archived = contacts.get(created.id, archived=True)

    assert created.properties["email"] == "ana@shop.example"
    assert updated.updated_at > created.updated_at
    assert by_email.properties["lead_score"] == "10"
    [version] = (by_email.properties_with_history or {})["lead_score"]
    assert (version.value, version.source_type) == ("10", "INTEGRATION")
    assert archived.archived
    assert archived.archived_at is not None
    with pytest.raises(hubspot_sdk.NotFoundError):
        contacts.get(created.id)


def test_the_list_pages_by_itself(hubspot: HubSpot) -> None:
    contacts = hubspot.crm.objects.contacts
    ids = [
        contacts.create(properties=ANA | {"email": f"{number}@shop.example"}, associations=[]).id
        for number in range(5)
    ]
    contacts.delete(ids.pop())

    listed = [each.id for each in contacts.list(limit=2, properties_with_history=["email"])]
    archived = list(contacts.list(archived=True))

    assert listed == ids
    assert len(archived) == 1


def test_a_search_filters_sorts_and_pages(hubspot: HubSpot) -> None:
    contacts = hubspot.crm.objects.contacts
    contacts.batch.create(
        inputs=[
            {"properties": {"lead_score": str(score)}, "associations": []} for score in range(5)
        ]
    )

    pages = [
        contacts.search(
            filter_groups=[
                {"filters": [{"property_name": "lead_score", "operator": "GTE", "value": "2"}]}
            ],
            sorts=["lead_score"],
            properties=["lead_score"],
            limit=2,
            after=after,
        )
        for after in ("0", "2")
    ]

    assert [each.properties["lead_score"] for page in pages for each in page.results] == [
        "2",
        "3",
        "4",
    ]
    assert pages[0].total == 3
    assert pages[0].paging is not None
    assert pages[0].paging.next is not None
    assert pages[0].paging.next.after == "2"
    assert pages[1].paging is None


def test_every_batch_call_passes(hubspot: HubSpot) -> None:
    batch = hubspot.crm.objects.contacts.batch

    created = batch.create(inputs=[{"properties": {"customer_id": "a"}, "associations": []}])
    upserted = batch.upsert(
        inputs=[
            {"id": each, "id_property": "customer_id", "properties": {"lead_score": "1"}}
            for each in ("a", "b")
        ]
    )
    updated = batch.update(
        inputs=[{"id": created.results[0].id, "properties": {"lead_grade": "A"}}]
    )
    read = batch.get(
        inputs=[{"id": "a"}, {"id": "b"}],
        id_property="customer_id",
        properties=["lead_score"],
        properties_with_history=["lead_score"],
    )
    batch.delete(inputs=[{"id": each.id} for each in read.results])

    assert {each.status for each in (created, upserted, updated, read)} == {"COMPLETE"}
    assert sorted(each.new for each in upserted.results) == [False, True]
    assert {each.properties["lead_score"] for each in read.results} == {"1"}
    assert not list(hubspot.crm.objects.contacts.list())


def test_a_partial_success_has_the_results_of_the_good_and_the_errors_of_the_bad(
    hubspot: HubSpot,
) -> None:
    answer = hubspot.crm.objects.contacts.batch.with_raw_response.upsert(
        inputs=[
            {
                "id": customer,
                "id_property": "customer_id",
                "object_write_trace_id": f"trace-{customer}",
                "properties": {"lead_grade": grade},
            }
            for customer, grade in (("good", "A"), ("bad", "Z"))
        ]
    )
    parsed = answer.parse()

    assert answer.status_code == 207
    assert [each.object_write_trace_id for each in parsed.results] == ["trace-good"]
    # The SDK declares no field for errors, so they survive only among the extras.
    extras = parsed.model_extra or {}
    assert extras["numErrors"] == 1
    assert extras["errors"][0]["context"]["objectWriteTraceId"] == ["trace-bad"]


def test_properties_are_created_read_and_listed(hubspot: HubSpot) -> None:
    properties = hubspot.crm.properties

    created = properties.create(
        "contacts",
        name="tier",
        label="Tier",
        type="enumeration",
        field_type="select",
        group_name="contactinformation",
        options=[{"label": "Gold", "value": "gold", "hidden": False, "display_order": 0}],
    )
    more = properties.batch.create(
        "contacts",
        inputs=[
            {
                "name": "seats",
                "label": "Seats",
                "type": "number",
                "field_type": "number",
                "group_name": "contactinformation",
            }
        ],
    )
    one = properties.get("tier", object_type="contacts")
    many = properties.batch.get(
        "contacts",
        inputs=[{"name": "tier"}, {"name": "seats"}],
        archived=False,
        data_sensitivity="non_sensitive",
    )
    listed = properties.list("contacts")

    assert created.options[0].value == "gold"
    assert more.results[0].name == "seats"
    assert one == created
    assert [each.name for each in many.results] == ["tier", "seats"]
    assert {"tier", "seats", "email"} <= {each.name for each in listed.results}


def test_a_contact_is_erased_for_good(hubspot: HubSpot) -> None:
    contacts = hubspot.crm.objects.contacts
    created = contacts.create(properties={"email": "ana@shop.example"}, associations=[])

    contacts.gdpr_delete(object_id="ana@shop.example", id_property="email")

    with pytest.raises(hubspot_sdk.NotFoundError):
        contacts.get(created.id, archived=True)


def test_refusals_become_the_errors_of_the_sdk(hubspot: HubSpot) -> None:
    contacts = hubspot.crm.objects.contacts
    contacts.create(properties={"email": "ana@shop.example"}, associations=[])

    with pytest.raises(hubspot_sdk.ConflictError):
        contacts.create(properties={"email": "ana@shop.example"}, associations=[])
    with pytest.raises(hubspot_sdk.BadRequestError):
        contacts.create(properties={"nosuchproperty": "1"}, associations=[])
    with pytest.raises(hubspot_sdk.AuthenticationError):
        hubspot.with_options(access_token="wrong").crm.objects.contacts.get("1")


def test_a_property_without_a_value_is_null_although_the_sdk_wants_a_text(
    hubspot: HubSpot,
) -> None:
    contacts = hubspot.crm.objects.contacts
    created = contacts.create(properties={"firstname": "Ana"}, associations=[])

    with pytest.raises(hubspot_sdk.APIResponseValidationError):
        contacts.get(created.id, properties=["email"])
