"""Messages arrive once at the log, at a webhook and at SNS; what does not arrive says why."""

import json
import logging

import boto3
import pytest

from de_assets.incidents.book import Notice
from de_assets.incidents.channels import NotificationError, WebhookChannel, open_channels
from de_assets.incidents.message import Message
from de_assets.settings import S3Settings, Settings
from de_assets_tests.incidents.conftest import NO_AWS
from de_assets_tests.incidents.receiver import PATH
from de_assets_tests.incidents.runs import failing, passing, run

FACTS = {
    "text": "unit_price_ge_0: 31; <&>",
    "failing_rows": 31,
    "owner": "team:data-platform",
    "downstream": ("modeled/a", "modeled/b", "features/c", "predictions/d"),
    "runbook": "docs/runbooks/validity.md",
}


@pytest.fixture
def message(history):
    history.record([run("run-1", failing(*range(1, 13), severity="error", **FACTS))], ["x"])
    (notice,) = history.claim(["x"], history.read().incidents[0].opened_at)
    return Message(notice, "https://dagster.example.com/")


def webhook(url):
    pauses = []
    return WebhookChannel(url, sleep=pauses.append), pauses


def test_a_message_says_what_where_since_when_whose_and_what_to_do(message):
    assert message.text.splitlines() == [
        "[error] opened: cleaned/order_lines validity 2026-01-01..2026-01-12 (12 days fail)",
        "found: unit_price_ge_0: 31; <&>",
        "since: 2026-02-01 12:00 UTC",
        "owner: team:data-platform",
        "downstream: modeled/a, modeled/b, features/c and 1 more",
        "runbook: docs/runbooks/validity.md",
        "run: https://dagster.example.com/runs/run-1",
        f"incident: {message.notice.incidents[0].incident_id}",
    ]


def test_without_an_address_of_the_ui_the_run_is_named(message):
    assert "run: run-1" in Message(message.notice).text.splitlines()


def test_many_ranges_are_shortened_and_the_worst_severity_counts(history):
    found = [failing(1, 10, 20, severity="error"), failing(28)]
    history.record([run("a", *found)], ["x"])
    (notice,) = history.claim(["x"], history.read().incidents[0].opened_at)
    assert Message(notice).subject == (
        "[error] opened: cleaned/order_lines validity 2026-01-01, 2026-01-10, 2026-01-20 "
        "and 1 more ranges"
    )


def test_a_whole_table_without_owner_or_text_is_told_too(history):
    history.record([run("a", failing())], ["x"])
    history.record([run("b", passing(), hours=1)], ["x"])
    now = history.read().incidents[0].opened_at
    resolved = Message(history.claim(["x"], now)[1])
    assert resolved.subject == "[warn] resolved: cleaned/order_lines validity (the table)"
    assert "owner" not in resolved.text
    assert resolved.fields()["incidents"][0]["first_day"] is None


def test_the_log_takes_a_line_by_severity(message, history, caplog):
    (log,) = open_channels(["log"], NO_AWS)
    with caplog.at_level(logging.INFO):
        log.send(message)
        log.send(Message(Notice("log", "k", "resolved", message.notice.incidents)))
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert caplog.messages[0].startswith("[error] opened: cleaned/order_lines validity")
    assert "runbook: docs/runbooks/validity.md" in caplog.messages[0]
    assert "\n" not in caplog.messages[0]


def test_a_webhook_gets_text_for_slack_and_the_facts_as_fields(message, receiver):
    channel, _ = webhook(receiver.url)
    channel.send(message)
    (body,), (headers,) = receiver.bodies, receiver.headers
    assert receiver.paths == [PATH]
    assert "&lt;&amp;&gt;" in body["text"]
    assert body["text"].startswith("[error] opened: cleaned/order_lines")
    assert headers["Idempotency-Key"] == body["key"] == message.key
    assert body["downstream"] == list(FACTS["downstream"])
    assert body["run_url"] == "https://dagster.example.com/runs/run-1"
    assert body["incidents"][0]["failing_days"] == 12


def test_a_webhook_in_trouble_is_asked_again_after_growing_pauses(message, receiver):
    receiver.answers = [500, 0]
    channel, pauses = webhook(receiver.url)
    channel.send(message)
    assert len(receiver.bodies) == 1
    assert 0.25 <= pauses[0] <= 0.5 <= pauses[1] <= 1.0


@pytest.mark.parametrize("answer", [500, 503, 429, 408, 0])
def test_a_webhook_that_stays_in_trouble_is_given_up_for_now(message, receiver, answer):
    receiver.answers = [answer] * 3
    channel, _ = webhook(receiver.url)
    with pytest.raises(NotificationError, match="in 3 attempts") as caught:
        channel.send(message)
    assert not caught.value.is_refusal
    assert receiver.bodies == []


@pytest.mark.parametrize(("answer", "word"), [(302, "redirects"), (404, "refused")])
def test_a_refusal_is_not_repeated_and_a_redirect_not_followed(message, receiver, answer, word):
    receiver.answers = [answer]
    channel, _ = webhook(receiver.url)
    with pytest.raises(NotificationError, match=word) as caught:
        channel.send(message)
    assert caught.value.is_refusal
    assert receiver.paths == [PATH]


def test_the_address_of_a_webhook_stands_in_no_error_log_or_name(message, receiver, caplog):
    receiver.answers = [500, 0, 404]
    channel, _ = webhook(receiver.url)
    with caplog.at_level(logging.DEBUG), pytest.raises(NotificationError) as caught:
        channel.send(message)
    with pytest.raises(NotificationError) as unwritable:
        webhook(receiver.url + "/ä b")[0].send(message)
    told = f"{caught.value}{unwritable.value}{caplog.text}{channel.name}"
    assert "secret-of-the-hook" not in told
    assert "127.0.0.1" not in told
    assert caught.value.__cause__ is None


def test_nobody_at_the_address_is_an_error(message):
    with pytest.raises(NotificationError, match="ConnectionRefusedError"):
        webhook("http://127.0.0.1:9/hook?token=x")[0].send(message)


@pytest.fixture(params=["incidents", "incidents.fifo"])
def topic(request, s3_server):
    """An SNS topic, and a queue that is subscribed to it."""
    secrets = {
        "aws_access_key_id": s3_server.access_key_id.get_secret_value(),
        "aws_secret_access_key": s3_server.secret_access_key.get_secret_value(),
        "endpoint_url": s3_server.endpoint_url,
        "region_name": "us-east-1",
    }
    fifo = {"FifoTopic": "true"} if request.param.endswith(".fifo") else {}
    queue_kind = {"FifoQueue": "true"} if fifo else {}
    sns, sqs = boto3.client("sns", **secrets), boto3.client("sqs", **secrets)
    arn = sns.create_topic(Name=request.param, Attributes=fifo)["TopicArn"]
    queue = sqs.create_queue(QueueName=request.param, Attributes=queue_kind)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"])

    def received():
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(each["Body"]) for each in found]

    yield arn, received
    sqs.delete_queue(QueueUrl=queue)
    sns.delete_topic(TopicArn=arn)


def test_a_topic_gets_the_text_and_the_key(message, topic, s3_server):
    arn, received = topic
    (channel,) = open_channels([f"sns:{arn}"], s3_server)
    channel.send(message)
    (body,) = received()
    assert body["Message"] == message.text
    assert body["MessageAttributes"]["key"]["Value"] == message.key
    assert body["Subject"] == message.subject[:100]
    assert channel.name == "sns-" + arn.rpartition(":")[2]


def test_a_topic_that_does_not_exist_is_an_error(message, s3_server):
    (channel,) = open_channels(["sns:arn:aws:sns:us-east-1:123456789012:none"], s3_server)
    with pytest.raises(NotificationError, match="NotFound"):
        channel.send(message)


def test_an_unreachable_sns_is_an_error(message):
    nowhere = S3Settings.model_validate(
        {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
        }
    )
    (channel,) = open_channels(["sns:arn:aws:sns:us-east-1:123456789012:none"], nowhere)
    with pytest.raises(NotificationError, match="EndpointConnectionError"):
        channel.send(message)


def test_the_channels_are_those_of_the_setting(receiver):
    arn = "sns:arn:aws:sns:eu-west-1:123456789012:incidents"
    settings = Settings(notify=f"log, {receiver.url},{arn}")
    names = [channel.name for channel in open_channels(settings.notify_channels, settings.s3)]
    assert names[0] == "log"
    assert names[1].startswith("webhook-")
    assert names[2] == "sns-incidents"
