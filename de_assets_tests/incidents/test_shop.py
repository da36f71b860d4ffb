"""The project's own shop: what its checks and steps report becomes the right incidents."""

import logging
from datetime import date

import pytest

from de_assets.automation.incidents import observe_runs
from de_assets.incidents.channels import LogChannel
from de_assets.incidents.notify import Notifier
from de_assets.lifecycle import Lifecycle
from de_assets.settings import Settings
from de_assets_tests.assets.shop import Shop, line
from de_assets_tests.incidents.runs import days


@pytest.fixture
def shop(tmp_path, instance):
    folder = tmp_path / "shop"
    folder.mkdir()
    return Shop(folder, instance)


@pytest.fixture
def watch(shop, history):
    """Take in a run; the open incidents of the cleaned order lines."""

    def look(result):
        notifier = Notifier([LogChannel()])
        graph = shop.defs.resolve_asset_graph()
        observe_runs(shop.instance, graph, history, [result.run_id], notifier)
        found = history.read().incidents
        return [i for i in found if not i.is_over and i.asset == "cleaned/order_lines"]

    return look


def test_broken_rows_are_one_incident_that_a_good_file_ends(shop, watch, caplog):
    good = [line(n, "2026-01-05") for n in range(30)]
    bad = [line(99, "2026-01-06", price="-4.40"), line(98, "2026-01-06", price="anna@example.com")]
    shop.drop("a.csv", *good, *bad, *(line(n, "2026-01-06") for n in range(30, 60)))
    with caplog.at_level(logging.INFO):
        (incident,) = watch(shop.ingest("2026-01-04", "2026-01-07"))
    assert (incident.check, incident.severity, incident.failing_rows) == ("validity", "warn", 2)
    assert set(incident.failing_days) == days(6)
    assert "unit_price" in incident.text
    assert incident.owner == "team:commerce"
    assert "modeled/fct_order_line" in incident.downstream
    assert "opened: cleaned/order_lines validity 2026-01-06" in caplog.text
    assert "anna" not in caplog.text + str(incident)
    shop.drop("a.csv", *good, *(line(n, "2026-01-06") for n in range(30, 60)))
    assert watch(shop.ingest("2026-01-06")) == []


def test_a_withheld_day_is_an_error_and_no_failed_step(shop, watch, history):
    shop.drop("a.csv", *(line(n, "2026-01-05", price=f"secret-{n}") for n in range(40)))
    result = shop.ingest("2026-01-05", "2026-01-06")
    assert not result.success
    (incident,) = watch(result)
    assert (incident.check, incident.severity) == ("validity", "error")
    assert set(incident.failing_days) == days(5)
    assert "step" not in {each.check for each in history.read().incidents}
    assert "secret" not in str(history.read())


def test_an_unreadable_file_is_an_incident_that_a_run_of_any_day_ends(shop, watch, history):
    shop.drop("a.csv", line(1, "2026-01-05"))
    (shop.landing / "b.csv").write_text("order_id,product_id\no1,p1\n")
    assert watch(shop.ingest("2026-01-05")) == []
    (incident,) = history.read().incidents
    assert (incident.asset, incident.check) == ("raw/order_lines", "deliveries")
    assert "unreadable_files: 1" in incident.text
    assert incident.first_day is None
    (shop.landing / "b.csv").unlink()
    assert watch(shop.ingest("2026-01-06")) == []
    assert history.read().incidents[0].state == "resolved"


def test_a_run_of_the_whole_lifecycle_keeps_the_incidents_itself(tmp_path, history, instance):
    folder = tmp_path / "shop"
    folder.mkdir()
    shop = Shop(folder, instance)
    shop.drop("a.csv", line(1, "2026-01-05"), line(2, "2026-01-05", price="-1"))
    settings = Settings(lake=str(tmp_path / "lake"), sources=str(folder / "sources.yaml"))
    day = date(2026, 1, 5)
    said = Lifecycle(settings, instance, day, day, say=lambda _: None).run().to_json()["incidents"]
    (incident,) = [i for i in said["open"] if i["asset"] == "cleaned/order_lines"]
    assert (incident["check"], incident["days"]) == ("validity", "2026-01-05")
    assert said["opened"] == len(said["open"]) == len(history.read().incidents)
    assert said["resolved"] == 0
