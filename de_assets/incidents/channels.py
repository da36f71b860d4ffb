"""Where notifications go: the log, a webhook, an SNS topic; `DE_ASSETS_NOTIFY` names them.

A webhook's address is a secret. It stands in no text, no error and no name of a channel, and the
standard library's client is used for it because the others write the path to the debug log.
"""

import http.client
import json
import logging
import random
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import urlsplit

from de_assets.errors import DeAssetsError
from de_assets.incidents.message import Message
from de_assets.settings import S3Settings

LOGGER = logging.getLogger(__name__)
TIMEOUT_SECONDS = 5.0
ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.5
LONGEST_SUBJECT = 100
LEVELS = {"error": logging.ERROR, "warn": logging.WARNING}


class NotificationError(DeAssetsError):
    """A channel did not take a message.

    Attributes:
        is_refusal: It was refused for what it is; the channel may well take the next one.
    """

    def __init__(self, what: str, *, where: str, fix: str, is_refusal: bool = False) -> None:
        super().__init__(what, where=where, fix=fix)
        self.is_refusal = is_refusal


class Channel(Protocol):
    """Something that takes messages; `name` tells it from others, and is no secret."""

    name: str

    def send(self, message: Message) -> None:
        """Deliver a message, or raise.

        Raises:
            NotificationError: it was not taken, or nobody knows whether it was.
        """


class LogChannel:
    """The logger of this module: one line a message, by the severity of the incident."""

    name = "log"

    def send(self, message: Message) -> None:
        """Write it."""
        level = logging.INFO if message.transition == "resolved" else LEVELS[message.severity]
        LOGGER.log(level, "%s", "; ".join(message.text.splitlines()))


class WebhookChannel:
    """A POST of JSON: `text`, as Slack and its like show it, and the facts as fields."""

    def __init__(self, url: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        parts = urlsplit(url)
        self.name = f"webhook-{sha256(url.encode()).hexdigest()[:8]}"
        self._host, self._port = parts.hostname or "", parts.port
        self._is_secure = parts.scheme == "https"
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._sleep = sleep

    def send(self, message: Message) -> None:
        """POST it with the header `Idempotency-Key`, again after a pause if that may help."""
        body = json.dumps(message.fields() | {"text": _for_slack(message.text)}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.key}
        trouble = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                pause = FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1)
                self._sleep(random.uniform(pause / 2, pause))  # noqa: S311  nobody gains by it
            try:
                status = self._post(body, headers)
            except (OSError, http.client.HTTPException, ValueError) as error:
                # The last for an address that cannot be written on the wire; it would quote it.
                trouble = type(error).__name__
                continue
            if status < 300:
                return
            if status not in (408, 429) and status < 500:
                raise self._refused(status)
            trouble = f"HTTP {status}"
        raise NotificationError(
            f"the webhook did not take a message in {ATTEMPTS} attempts ({trouble})",
            where=f"DE_ASSETS_NOTIFY, {self.name}",
            fix="nothing is lost: it is sent again; if this goes on, check the address",
        )

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        kind = http.client.HTTPSConnection if self._is_secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", self._path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def _refused(self, status: int) -> NotificationError:
        what = "redirects, which is not followed" if status < 400 else "refused a message"
        return NotificationError(
            f"the webhook {what} (HTTP {status})",
            where=f"DE_ASSETS_NOTIFY, {self.name}",
            fix="check the address in DE_ASSETS_NOTIFY, and that it takes JSON",
            is_refusal=True,
        )


class SnsChannel:
    """A topic of Amazon SNS, reached by the AWS settings of the deployment."""

    def __init__(self, arn: str, settings: S3Settings) -> None:
        self.name = f"sns-{arn.rpartition(':')[2]}"
        self._arn = arn
        self._settings = settings

    def send(self, message: Message) -> None:
        """Publish the text, with the facts as attributes; a FIFO topic drops what it has seen."""
        from botocore.exceptions import BotoCoreError, ClientError

        facts = {"key": message.key, "transition": message.transition, "severity": message.severity}
        fifo = {
            "MessageGroupId": f"{message.asset}:{message.check}".replace("/", ":"),
            "MessageDeduplicationId": message.key,
        }
        try:
            self._client().publish(
                TopicArn=self._arn,
                Subject=message.subject[:LONGEST_SUBJECT],
                Message=message.text,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in facts.items()
                },
                **(fifo if self._arn.endswith(".fifo") else {}),
            )
        except (BotoCoreError, ClientError, ValueError) as error:
            code = (
                error.response["Error"]["Code"]
                if isinstance(error, ClientError)
                else type(error).__name__
            )
            raise NotificationError(
                f"SNS did not take a message ({code})",
                where=f"DE_ASSETS_NOTIFY, topic {self.name.removeprefix('sns-')}",
                fix="check that the topic exists, and that this role may publish to it "
                "(sns:Publish)",
            ) from None

    def _client(self) -> Any:  # noqa: ANN401  boto3 makes its classes at run time
        import boto3
        from botocore.config import Config

        given = self._settings
        secret, token = given.secret_access_key, given.session_token
        return boto3.client(
            "sns",
            region_name=self._arn.split(":")[3],
            endpoint_url=given.endpoint_url,
            aws_access_key_id=given.access_key_id and given.access_key_id.get_secret_value(),
            aws_secret_access_key=secret and secret.get_secret_value(),
            aws_session_token=token and token.get_secret_value(),
            config=Config(
                connect_timeout=TIMEOUT_SECONDS,
                read_timeout=TIMEOUT_SECONDS,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            ),
        )


def open_channels(names: Sequence[str], aws: S3Settings) -> list[Channel]:
    """The channels of `Settings.notify_channels`; nothing is connected to yet."""
    return [_open(name, aws) for name in names]


def _open(name: str, aws: S3Settings) -> Channel:
    if name == "log":
        return LogChannel()
    if name.startswith("sns:"):
        return SnsChannel(name.removeprefix("sns:"), aws)
    return WebhookChannel(name)


def _for_slack(text: str) -> str:
    """The three characters that mean something to Slack, written as it asks for them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
