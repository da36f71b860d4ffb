"""The destination in docs/how-to/add-a-destination.md works as it is printed there."""

import json
import re
from contextlib import closing, contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest

from de_assets.partitions import daily_partitions
from de_assets.sources import load_sources
from de_assets_tests.crm.destinations.sending import planned, told
from de_assets_tests.crm.leads import WEDNESDAY

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-a-destination.md"
SCORES = {f"c-{number}": number for number in range(120)}


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return found


@pytest.fixture(scope="module")
def printed() -> dict[str, object]:
    names: dict[str, object] = {"__name__": "dialer"}
    exec(compile(block("python"), str(PAGE), "exec"), names)  # noqa: S102  our own page
    return names


class CallList:
    """A call list that answers row by row, and has no place for one of them."""

    def __init__(self) -> None:
        self.url = ""
        self.sizes: list[int] = []
        self.priorities: dict[str, str] = {}
        self.unwanted = {"c-7"}

    def answer(self, entries):
        self.sizes.append(len(entries))
        for entry in entries:
            if entry["ref"] in self.unwanted:
                yield {"ref": entry["ref"], "error": "NO_PHONE"}
            else:
                self.priorities[entry["ref"]] = entry["priority"]
                yield {"ref": entry["ref"], "id": f"call-{len(self.priorities)}"}


@contextmanager
def serving():
    calls = CallList()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps({"entries": list(calls.answer(body["entries"]))}).encode()
            is_ours = (self.path, self.headers["Authorization"]) == ("/call-list", "Bearer token")
            self.send_response(200 if is_ours else 401)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    calls.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield calls
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_destination_of_ones_own_takes_less_than_sixty_lines():
    assert len(block("python").splitlines()) < 60


def test_the_printed_destination_gets_every_score_once_whatever_ids_it_gives(
    printed, crm_ledger, ledger
):
    with serving() as calls, closing(printed["Dialer"](calls.url, "token")) as dialer:
        receipts = told(dialer, planned(crm_ledger, SCORES), ledger)
        calls.unwanted = set()
        told(dialer, planned(crm_ledger, SCORES), ledger, "run-0002")
        told(dialer, planned(crm_ledger, SCORES, day=WEDNESDAY), ledger, "run-0003")

    assert calls.sizes == [50, 50, 20, 1]
    assert calls.priorities == {key: str(score) for key, score in SCORES.items()}
    assert receipts["c-7"] == ("rejected", "NO_PHONE")


def test_the_printed_asset_can_be_loaded(printed):
    daily = daily_partitions(date(2011, 11, 1), date(2011, 12, 9))

    asset = printed["dialer_asset"](daily)

    assert asset.key == dg.AssetKey(["crm", "dialer"])


def test_the_printed_section_of_the_sources_file_is_valid(tmp_path):
    path = tmp_path / "sources.yaml"
    path.write_text(
        "calendar: {start: 2009-12-01}\ncurrency: gbp\n" + block("yaml"), encoding="utf-8"
    )

    sources = load_sources(path)

    assert [each.name for each in sources.destinations] == ["warehouse", "dialer"]
