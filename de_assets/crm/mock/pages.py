"""The web pages: ranked leads, one lead, sync runs, rejects. They need no token and only read.

Templates escape every value; the pages load one style sheet of our own and run no scripts.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from de_assets.crm.mock import wire
from de_assets.crm.mock.history import versions
from de_assets.crm.mock.leads import (
    GRADES,
    SCORE_PROPERTIES,
    TRENDS,
    ScoreChange,
    name_of,
    score_changes,
)
from de_assets.crm.mock.leads import Score as LeadScore
from de_assets.crm.mock.properties import PropertyDefinition
from de_assets.crm.mock.ranking import Choice, Wish, leads_page
from de_assets.crm.mock.rejects import MOST_KEPT, newest_rejects, reject_kinds
from de_assets.crm.mock.runs import runs_page
from de_assets.crm.mock.store import Store
from de_assets.crm.mock.timestamps import text_of

LARGEST_PAGE_NUMBER = 1_000_000
MOST_CHANGES_SHOWN = 100

_CHART_WIDTH = 600
_CHART_HEIGHT = 100
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def _minute(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC"


def _in_url(text: str) -> str:
    return quote(text, safe="@+")


_templates = Environment(
    loader=PackageLoader("de_assets.crm.mock"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {"minute": _minute, "moment": text_of, "in_url": _in_url}


def show_leads(request: Request) -> Response:
    """Answer the ranked leads, filtered and sorted as the query says, fifty on a page."""
    wish = Wish.of(request.query_params)
    store: Store = request.state.store
    with store.reading() as tables:
        page = leads_page(tables, wish, _page_number(request))
        stage_labels = _option_labels(tables.definitions()["lifecyclestage"])

    def link(number: int) -> str:
        return "/?" + urlencode(wish.parameters | {"page": str(number)})

    def sort_link(key: str) -> str:
        return "/?" + urlencode(wish.sorted_by(key).parameters)

    return _page(
        "leads.html",
        page=page,
        wish=wish,
        choices=[
            ("grade", "Grade", [(grade, grade) for grade in GRADES]),
            ("trend", "Trend", [(trend, trend) for trend in TRENDS]),
            ("country", "Country", _options(page.countries, {})),
            ("stage", "Lifecycle stage", _options(page.stages, stage_labels)),
        ],
        stage_labels=stage_labels,
        link=link,
        sort_link=sort_link,
    )


def show_lead(request: Request) -> Response:
    """Answer one contact with its score, its properties and the history of both."""
    number = wire.contact_id_of(request.path_params["contact_id"])
    store: Store = request.state.store
    with store.reading() as tables:
        contact = None if number is None else tables.contact(number)
        if contact is None:
            return missing_page(404)
        definitions = tables.definitions()
        writes = tables.history(contact.id)
    changes = score_changes(writes)
    return _page(
        "lead.html",
        contact=contact,
        name=name_of(contact),
        score=LeadScore.of(contact.properties),
        properties=[
            (definitions[name].label, name, value, versions(writes, name)[1:MOST_CHANGES_SHOWN])
            for name, value in sorted(
                contact.properties.items(), key=lambda item: (item[0] in SCORE_PROPERTIES, item)
            )
        ],
        created_at=text_of(contact.created_ms),
        modified_at=text_of(contact.modified_ms),
        changes=changes[: -MOST_CHANGES_SHOWN - 1 : -1],
        all_changes=len(changes),
        chart=_chart(changes),
    )


def show_runs(request: Request) -> Response:
    """Answer the sync runs, newest first, fifty on a page."""
    store: Store = request.state.store
    with store.reading() as tables:
        page = runs_page(tables, _page_number(request))
    return _page("runs.html", page=page)


def show_rejects(request: Request) -> Response:
    """Answer what this CRM refused, by code and property, and the newest one by one."""
    code = request.query_params.get("code", "")
    store: Store = request.state.store
    with store.reading() as tables:
        kinds = reject_kinds(tables)
        code = code if code in {kind.code for kind in kinds} else ""
        newest = newest_rejects(tables, code)
    return _page("rejects.html", kinds=kinds, newest=newest, code=code, most_kept=MOST_KEPT)


def show_style(_: Request) -> Response:
    """Answer the style sheet of all pages."""
    sheet = _templates.get_template("pages.css").render()
    return Response(sheet, media_type="text/css", headers={**_HEADERS, "Cache-Control": "no-cache"})


def missing_page(status: int) -> Response:
    """Answer that there is no such page."""
    return _page("missing.html", status=status)


def _page(template: str, *, status: int = 200, **values: object) -> Response:
    html = _templates.get_template(template).render(values)
    return HTMLResponse(html, status_code=status, headers=_HEADERS)


def _page_number(request: Request) -> int:
    number = wire.contact_id_of(request.query_params.get("page", "1"))
    return 1 if number is None else min(number, LARGEST_PAGE_NUMBER)


def _option_labels(definition: PropertyDefinition) -> Mapping[str, str]:
    return {option.value: option.label for option in definition.options}


def _options(choices: Sequence[Choice], labels: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (choice.value, f"{labels.get(choice.value, choice.value)[:60]} ({choice.leads:,})")
        for choice in choices
    ]


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
    Route("/runs", show_runs),
    Route("/rejects", show_rejects),
    Route("/pages.css", show_style),
)
