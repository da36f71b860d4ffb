"""The web pages: ranked leads, one lead, and what is not there. They need no token and only read.

Templates escape every value; the pages load nothing from elsewhere and run no scripts.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from de_assets.crm.mock import wire
from de_assets.crm.mock.leads import GRADES, ScoreChange, leads_page, name_of, score_changes
from de_assets.crm.mock.leads import Score as LeadScore
from de_assets.crm.mock.store import Store
from de_assets.crm.mock.timestamps import text_of

LONGEST_TEXT_FILTER = 200
LARGEST_PAGE_NUMBER = 1_000_000

_CHART_WIDTH = 600
_CHART_HEIGHT = 100
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_templates = Environment(
    loader=PackageLoader("de_assets.crm.mock"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def show_leads(request: Request) -> Response:
    """Answer the ranked leads, filtered by `grade` and `text`, fifty on a page."""
    grade = request.query_params.get("grade", "")
    grade = grade if grade in GRADES else ""
    text = request.query_params.get("text", "")[:LONGEST_TEXT_FILTER]
    store: Store = request.state.store
    with store.reading() as tables:
        page = leads_page(tables, grade=grade, text=text, number=_page_number(request))

    def link(number: int) -> str:
        chosen = {"grade": grade, "text": text, "page": str(number)}
        return "/?" + urlencode({name: value for name, value in chosen.items() if value})

    return _page("leads.html", page=page, grades=GRADES, grade=grade, text=text, link=link)


def show_lead(request: Request) -> Response:
    """Answer one contact with its score, its properties and its score history."""
    number = wire.contact_id_of(request.path_params["contact_id"])
    store: Store = request.state.store
    with store.reading() as tables:
        contact = None if number is None else tables.contact(number)
        if contact is None:
            return missing_page(404)
        definitions = tables.definitions()
        changes = score_changes(tables.history(contact.id))
    return _page(
        "lead.html",
        contact=contact,
        name=name_of(contact),
        score=LeadScore.of(contact.properties),
        properties=[
            (definitions[name].label, name, value)
            for name, value in sorted(contact.properties.items())
        ],
        created_at=text_of(contact.created_ms),
        modified_at=text_of(contact.modified_ms),
        changes=changes[::-1],
        chart=_chart(changes),
    )


def missing_page(status: int) -> Response:
    """Answer that there is no such page."""
    return _page("missing.html", status=status)


def _page(template: str, *, status: int = 200, **values: object) -> Response:
    html = _templates.get_template(template).render(values)
    return HTMLResponse(html, status_code=status, headers=_HEADERS)


def _page_number(request: Request) -> int:
    number = wire.contact_id_of(request.query_params.get("page", "1"))
    return 1 if number is None else min(number, LARGEST_PAGE_NUMBER)


def _chart(changes: Sequence[ScoreChange]) -> list[tuple[float, float]]:
    """Return the points of the score over its writes, in the units of the drawing."""
    percents = [change.score.percent for change in changes if change.score.score]
    step = _CHART_WIDTH / max(1, len(percents) - 1)
    return [
        (round(position * step, 1), round(_CHART_HEIGHT * (1 - percent / 100), 1))
        for position, percent in enumerate(percents)
    ]


ROUTES = (
    Route("/", show_leads),
    Route("/leads/{contact_id}", show_lead),
)
