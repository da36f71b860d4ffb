"""The sensor as a daemon keeps it: its cursor, its history and its channels."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from de_assets.automation.incidents import incident_sensor
from de_assets.incidents.channels import WebhookChannel
from de_assets.incidents.notify import Notifier
from de_assets.settings import Settings

BROKEN = {"validity": {"passed": False, "severity": dg.AssetCheckSeverity.WARN}}


class Tower:
    """A sensor with its cursor, as a daemon keeps it, and a clock that a test can turn."""

    def __init__(self, small, history, *urls):
        self.small, self.later = small, timedelta()
        channels = [WebhookChannel(url, sleep=lambda _: None) for url in urls]
        notifier = Notifier(channels, clock=lambda: datetime.now(UTC) + self.later)
        self.sensor = incident_sensor(Settings(), history, notifier)
        self.repository = dg.Definitions(
            small.defs.assets, asset_checks=small.defs.asset_checks, sensors=[self.sensor]
        ).get_repository_def()
        self.cursor = None

    def tick(self, *, is_killed=False):
        context = dg.build_sensor_context(
            instance=self.small.instance, cursor=self.cursor, repository_def=self.repository
        )
        result = self.sensor.evaluate_tick(context)
        if not is_killed:
            self.cursor = result.cursor
        return result


def only(history):
    (incident,) = history.read().incidents
    return incident
