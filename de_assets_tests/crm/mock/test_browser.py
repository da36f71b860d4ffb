"""The pages in a real browser: nothing from outside, no complaint, keyboard, phone, dark.

Skipped where Chromium is not installed (see browser.py).
"""

from collections.abc import Iterator

import pytest

from de_assets.crm.mock import running_crm
from de_assets_tests.crm.mock.api import SCORE_PROPERTIES, TOKEN, Api
from de_assets_tests.crm.mock.browser import CHROMIUM, Browser, running_browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM.exists(), reason=f"needs Chromium at {CHROMIUM} (Debian: apt install chromium)"
    ),
]

HOSTILE = "<img src=x onerror=document.title='hacked'><script>document.title='hacked'</script>"
PAGES = ("/", "/?sort=name&grade=A", "/?text=nobody", "/leads/1", "/runs", "/rejects", "/nothing")
PHONE = 390

# The contrast of every text with what is painted behind it, as WCAG 2 defines it.
_FAINT_TEXTS = """(() => {
    const parts = colour => colour.match(/[0-9.]+/g).map(Number);
    const light = colour => {
        const [r, g, b] = parts(colour).slice(0, 3).map(each => {
            const part = each / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const isPainted = colour => (parts(colour)[3] ?? 1) === 1;
    const behind = one => {
        for (let at = one; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (isPainted(colour)) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const faint = [];
    for (const one of document.querySelectorAll('body *')) {
        const hasText = [...one.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        if (!hasText || one.closest('select')) continue;
        const pair = [light(getComputedStyle(one).color), light(behind(one))];
        const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        if (ratio < 4.5) faint.push(`${one.className} ${one.innerText} ${ratio.toFixed(2)}`);
    }
    return faint;
})()"""


@pytest.fixture(scope="module")
def crm_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A CRM with leads of every grade and trend, two runs, and a reject."""
    with running_crm(tmp_path_factory.mktemp("crm") / "crm.db", TOKEN) as crm:
        api = Api(crm.base_url)
        api.define(*SCORE_PROPERTIES)
        api.batch("create", [{"properties": _contact(number)} for number in range(60)])
        again = {"lead_score": "99", "lead_score_run_id": "run-2", "lead_score_trend": "steady"}
        api.patch("/1", again)
        bad = {"id": "2", "objectWriteTraceId": "x", "properties": {"lead_grade": "Z"}}
        assert api.batch("update", [bad]).status_code == 207
        api.close()
        yield crm.base_url


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


def _contact(number: int) -> dict[str, str]:
    return {
        "firstname": HOSTILE if number == 1 else "Ana",
        "lastname": f"Ruiz-{'x' * number}",
        "company": "Northern Craft & Supply Company of the Outer Hebrides",
        "phone": f"+44 20 {number}",
        "email": f"lead-{number}@shop.example",
        "country": "Spain",
        "lifecyclestage": "salesqualifiedlead",
        "lead_score": str(98 - number),
        "lead_grade": "ABCD"[number % 4],
        "lead_score_trend": ("up", "steady", "down")[number % 3],
        "lead_score_reasons": f"{HOSTILE}; bought 3 days ago; 7 orders in 90 days",
        "lead_scored_at": "2011-11-30",
        "lead_score_model_version": "2011-11-28",
        "lead_score_run_id": "run-1",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, PHONE, 320])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_whole_from_this_host_and_fits_the_window(
    browser: Browser, crm_url: str, path: str, width: int, scheme: str
) -> None:
    browser.open(crm_url + path, width=width, scheme=scheme)

    assert all("status of 404" in each for each in browser.complaints)
    assert len(browser.complaints) == (path == "/nothing")
    assert set(browser.requested) <= {crm_url + path, f"{crm_url}/pages.css"}
    assert f"{crm_url}/pages.css" in browser.requested
    assert browser.value_of("document.title").endswith("Mock CRM")
    assert browser.value_of("document.images.length + document.scripts.length") == 0
    assert browser.value_of("document.documentElement.scrollWidth") <= width
    assert browser.value_of(_FAINT_TEXTS) == []


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (PHONE, 664)])
def test_whom_to_call_first_and_why_is_seen_without_scrolling(
    browser: Browser, crm_url: str, width: int, height: int
) -> None:
    browser.open(crm_url, width=width)

    bottom = browser.value_of("document.querySelector('.first').getBoundingClientRect().bottom")
    assert bottom < height


def test_tab_goes_through_the_leads_page_in_the_order_of_reading(
    browser: Browser, crm_url: str
) -> None:
    browser.open(crm_url)

    stops = browser.tab_stops(21)

    assert [stop.label for stop in stops] == [
        "Skip to content",
        "Leads",
        "Sync runs",
        "Rejects",
        "Ana Ruiz-",
        "+44 20 0",
        "lead-0@shop.example",
        "Name, company, e-mail or customer id",
        "Grade",
        "Trend",
        "Country",
        "Lifecycle stage",
        "Filter",
        "Rank↑",
        "Contact",
        "Score",
        "Grade",
        "Trend",
        "Country",
        "Scored",
        "Ana Ruiz-",
    ]
    assert all(stop.has_ring and stop.is_on_screen for stop in stops)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [1280, PHONE])
def test_every_stop_of_tab_has_a_name_and_shows_that_it_has_the_focus(
    browser: Browser, crm_url: str, path: str, width: int
) -> None:
    browser.open(crm_url + path, width=width)

    stops = browser.tab_stops(200)

    assert stops[0].label == "Skip to content"
    assert 4 <= len(stops) < 200
    assert [stop for stop in stops if not (stop.label and stop.has_ring)] == []


def test_the_skip_link_jumps_over_the_navigation(browser: Browser, crm_url: str) -> None:
    browser.open(crm_url)

    browser.press("Tab")
    browser.press("Enter")
    browser.press("Tab")

    assert browser.focus().label == "Ana Ruiz-"


def test_the_filter_works_by_keyboard_alone(browser: Browser, crm_url: str) -> None:
    browser.open(crm_url)

    browser.go_to("Name, company, e-mail or customer id")
    browser.write("lead-7@")
    with browser.loading():
        browser.press("Enter")

    assert browser.complaints == []
    assert browser.value_of("document.querySelectorAll('table.leads tbody tr').length") == 1
    assert browser.value_of("document.querySelector('[name=text]').value") == "lead-7@"


def test_a_column_is_sorted_by_keyboard_and_says_so(browser: Browser, crm_url: str) -> None:
    browser.open(crm_url)

    browser.go_to("Contact")
    with browser.loading():
        browser.press("Enter")

    heading = "document.querySelector('th[aria-sort=ascending]').innerText.trim()"
    assert browser.value_of(heading).startswith("Contact")


def test_older_values_of_a_property_open_by_keyboard(browser: Browser, crm_url: str) -> None:
    browser.open(f"{crm_url}/leads/1")

    browser.go_to("1 older value of lead_score")
    browser.press("Enter")

    assert browser.value_of("document.querySelector('details[open] li').innerText").startswith("98")


def test_what_is_touched_on_a_phone_is_large_enough(browser: Browser, crm_url: str) -> None:
    browser.open(crm_url, width=PHONE)

    small = browser.value_of(
        "[...document.querySelectorAll('nav a, input, select, button')]"
        ".filter(one => one.type !== 'hidden' && one.getBoundingClientRect().height < 40)"
        ".map(one => one.outerHTML)"
    )
    assert small == []
