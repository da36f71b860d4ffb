"""Hostile texts on every page: they are shown as text, and never become markup or an address."""

from html.parser import HTMLParser

import pytest

from de_assets_tests.crm.mock.api import Api
from de_assets_tests.crm.mock.webpages import page

HOSTILE = (
    """"><script>alert(1)</script><a href='javascript:alert(2)' onfocus="alert(3)">&amp;""",
    "javascript:alert(1)",
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "</style><style>*{display:none}</style>",
    "{{ 7 * 7 }}{% raw %}<!--",
)
OWN_TAGS = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "link",
        "body",
        "a",
        "header",
        "div",
        "span",
        "nav",
        "main",
        "h1",
        "h2",
        "p",
        "form",
        "label",
        "input",
        "select",
        "option",
        "button",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "section",
        "ul",
        "ol",
        "li",
        "b",
        "svg",
        "rect",
        "line",
        "polyline",
        "code",
        "dl",
        "dt",
        "dd",
        "details",
        "summary",
    ]
)
SAFE_ADDRESSES = ("/", "#content", "mailto:", "tel:", "data:image/svg+xml,")


class Markup(HTMLParser):
    """Collects the tags, the names of attributes, and the addresses of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.addresses += [
            value or "" for name, value in attrs if name in ("href", "src", "action")
        ]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_of_a_client_becomes_markup(empty_api: Api, hostile: str) -> None:
    named = dict.fromkeys(
        ("firstname", "lastname", "company", "phone", "country", "customer_id"), hostile
    )
    contact_id = empty_api.create(
        **named,
        lead_score="9",
        lead_score_reasons=hostile,
        lead_score_model_version=hostile,
        lead_score_run_id=hostile,
    )
    empty_api.patch(f"/{contact_id}", dict.fromkeys(named, "mended"))
    empty_api.patch(f"/{contact_id}", named)
    empty_api.batch("update", [{"id": contact_id, "properties": {hostile: hostile}}])

    pages = [
        page(empty_api, f"/leads/{contact_id}"),
        page(empty_api),
        page(empty_api, **dict.fromkeys(("text", "country", "stage", "run", "sort"), hostile)),
        page(empty_api, country=hostile),
        page(empty_api, "/runs"),
        page(empty_api, "/rejects"),
        page(empty_api, "/rejects", code=hostile),
    ]

    for html in pages:
        markup = Markup(html)
        assert markup.tags <= OWN_TAGS
        assert not {name for name in markup.attributes if name.startswith(("on", "auto"))} - {
            "autocomplete"
        }
        assert "style" not in markup.attributes
        assert all(address.startswith(SAFE_ADDRESSES) for address in markup.addresses)
        assert not any(address.startswith("//") for address in markup.addresses)
    for html in pages[:2]:
        assert any(hostile in words for words in Markup(html).words)
    assert not any(hostile in words for html in pages[5:] for words in Markup(html).words)


def test_an_address_of_a_contact_stays_inside_its_scheme(empty_api: Api) -> None:
    contact_id = empty_api.create(
        email="a?bcc=b%0a@shop.example", phone="1?x=y&z=//shop.example", lead_score="9"
    )

    markup = Markup(page(empty_api, f"/leads/{contact_id}"))

    assert "mailto:a%3Fbcc%3Db%250a@shop.example" in markup.addresses
    assert "tel:1%3Fx%3Dy%26z%3D%2F%2Fshop.example" in markup.addresses
