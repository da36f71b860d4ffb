"""Serving: starting, stopping, keeping what was written, several callers at once."""

import os
import signal
import socket
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from starlette.types import Receive, Scope, Send
from urllib3 import Retry

from de_assets.crm.mock import create_app, running_app, running_crm, serve
from de_assets.errors import CrmUnavailableError, StorageError
from de_assets_tests.crm.mock.api import SCORE_PROPERTIES, TOKEN, Api


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    database = tmp_path / "new directory" / "crm.db"
    with running_crm(database, TOKEN) as crm:
        api = Api(crm.base_url)
        api.define(*SCORE_PROPERTIES)
        contact_id = api.create(customer_id="kept", lead_score="10")
        api.patch(f"/{contact_id}", {"lead_score": "20"})
        api.close()

    with running_crm(database, TOKEN) as crm:
        api = Api(crm.base_url)
        contact = api.get(
            "/kept", idProperty="customer_id", propertiesWithHistory="lead_score"
        ).json()
        next_id = api.create()
        api.close()

    assert contact["id"] == contact_id
    assert [each["value"] for each in contact["propertiesWithHistory"]["lead_score"]] == [
        "20",
        "10",
    ]
    assert int(next_id) == int(contact_id) + 1


def test_nothing_is_left_running_after_the_block(tmp_path: Path) -> None:
    threads = set(threading.enumerate())

    with running_crm(tmp_path / "crm.db", TOKEN) as crm:
        assert requests.get(crm.base_url, timeout=30).status_code == 200

    # Idle workers of the server's loop end by themselves; one that does not is a leak.
    for thread in set(threading.enumerate()) - threads:
        thread.join(timeout=5)
    assert not set(threading.enumerate()) - threads
    assert [path.name for path in tmp_path.iterdir()] == ["crm.db"]
    with pytest.raises(requests.ConnectionError):
        requests.get(crm.base_url, timeout=30)


def test_the_server_stops_although_the_block_fails_and_connections_are_open(tmp_path: Path) -> None:
    def fail_with_an_open_connection(session: requests.Session) -> None:
        with running_crm(tmp_path / "crm.db", TOKEN) as crm:
            urls.append(crm.base_url)
            session.get(crm.base_url, timeout=30)
            raise LookupError

    urls: list[str] = []
    with requests.Session() as session:
        with pytest.raises(LookupError):
            fail_with_an_open_connection(session)

        with pytest.raises(requests.ConnectionError):
            session.get(urls[0], timeout=30)


def test_two_servers_may_share_one_file(tmp_path: Path) -> None:
    database = tmp_path / "crm.db"

    with running_crm(database, TOKEN) as one, running_crm(database, TOKEN) as two:
        first, second = Api(one.base_url), Api(two.base_url)
        contact_id = first.create(email="ana@shop.example")
        found = second.get("/ana@shop.example", idProperty="email").json()
        first.close()
        second.close()

    assert found["id"] == contact_id


def test_writers_at_the_same_time_lose_nothing(empty_api: Api) -> None:
    def write(writer: int) -> list[int]:
        api = Api(empty_api.base_url)
        statuses = []
        for round_number in range(5):
            inputs = [
                {
                    "id": f"{writer if own else 'shared'}-{number}",
                    "idProperty": "customer_id",
                    "properties": {"lead_score": str(writer * 10 + round_number)},
                }
                for own in (True, False)
                for number in range(20)
            ]
            statuses.append(api.batch("upsert", inputs).status_code)
        api.close()
        return statuses

    with ThreadPoolExecutor(8) as pool:
        statuses = [status for each in pool.map(write, range(8)) for status in each]

    assert statuses == [200] * 40
    assert empty_api.post("/search", {}).json()["total"] == 8 * 20 + 20
    shared = empty_api.get(
        "/shared-0", idProperty="customer_id", propertiesWithHistory="lead_score"
    )
    assert len(shared.json()["propertiesWithHistory"]["lead_score"]) == 40


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_served_crm_ends_quietly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    statuses = []

    def stop_once_it_answers() -> None:
        with requests.Session() as session:
            session.mount(
                "http://", HTTPAdapter(max_retries=Retry(connect=20, backoff_factor=0.05))
            )
            statuses.append(session.get(f"http://127.0.0.1:{port}", timeout=30).status_code)
        os.kill(os.getpid(), number)

    stopper = threading.Thread(target=stop_once_it_answers)
    stopper.start()

    serve(tmp_path / "crm.db", TOKEN, port=port)

    stopper.join()
    assert statuses == [200]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers


def test_a_taken_port_is_told_with_its_number(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(CrmUnavailableError, match=str(port)):
            serve(tmp_path / "crm.db", TOKEN, port=port)


def test_serving_outside_the_main_thread_leaves_signals_alone(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        ThreadPoolExecutor(1) as pool,
    ):
        port = listener.getsockname()[1]
        served = pool.submit(serve, tmp_path / "crm.db", TOKEN, port=port)

        with pytest.raises(CrmUnavailableError):
            served.result()

    assert signal.getsignal(signal.SIGTERM) == handler


def test_a_file_of_another_kind_is_refused_and_kept(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and longer than the header of one would be " * 20)
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE something (x)")
    connection.close()
    before = text.read_bytes(), other.read_bytes()

    for path in (text, other, tmp_path, text / "crm.db"):
        with pytest.raises(StorageError, match=path.name), running_crm(path, TOKEN):
            pass

    assert (text.read_bytes(), other.read_bytes()) == before


def test_an_application_that_cannot_start_is_told(tmp_path: Path) -> None:
    broken = create_app(tmp_path, TOKEN)

    with pytest.raises(CrmUnavailableError, match="could not start"), running_app(broken):
        pass


def test_an_application_around_the_crm_can_add_faults(tmp_path: Path) -> None:
    inner = create_app(tmp_path / "crm.db", TOKEN)

    async def failing_after_the_write(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":

            async def lose(message: object) -> None:
                pass

            await inner(scope, receive, lose)
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await inner(scope, receive, send)

    with running_app(failing_after_the_write) as crm:
        api = Api(crm.base_url)
        lost = api.post("", {"properties": {"email": "ana@shop.example"}})
        found = api.get("/ana@shop.example", idProperty="email")
        api.close()

    assert (lost.status_code, found.status_code) == (503, 200)
