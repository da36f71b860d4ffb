"""The asset graph as an SVG picture: stages from left to right, one box an asset.

Drawn from the definitions themselves, so it cannot differ from them; the README shows it.
"""

from collections import defaultdict
from html import escape

import dagster as dg

COLUMNS = (
    ("source",),
    ("raw",),
    ("cleaned", "quarantine", "identity"),
    ("modeled",),
    ("features",),
    ("model", "predictions"),
    ("reverse_etl",),
)
COLOURS = {
    "source": "#64748b",
    "raw": "#b45309",
    "cleaned": "#0e7490",
    "quarantine": "#be123c",
    "identity": "#4d7c0f",
    "modeled": "#4338ca",
    "features": "#7c3aed",
    "model": "#a21caf",
    "predictions": "#a21caf",
    "reverse_etl": "#15803d",
}
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN, HEADER = 196, 34, 58, 14, 16, 34

STYLE = (
    "<style>text{font:12px system-ui,sans-serif;fill:#fff;text-anchor:middle}"
    ".head{font-weight:600;fill:#64748b}path{fill:none;stroke:#94a3b8;stroke-width:1.2}</style>"
)


def draw_graph(defs: dg.Definitions) -> str:
    """The picture as SVG text; readable on light and dark pages."""
    graph = defs.resolve_asset_graph()
    by_group: dict[str, list[dg.AssetKey]] = defaultdict(list)
    for key in graph.toposorted_asset_keys:
        by_group[graph.get(key).group_name].append(key)
    places: dict[dg.AssetKey, tuple[int, int]] = {}
    for column, groups in enumerate(COLUMNS):
        keys = [key for group in groups for key in by_group.get(group, [])]
        for row, key in enumerate(keys):
            places[key] = (
                MARGIN + column * (BOX_WIDTH + GAP_X),
                MARGIN + HEADER + row * (BOX_HEIGHT + GAP_Y),
            )
    width = 2 * MARGIN + len(COLUMNS) * BOX_WIDTH + (len(COLUMNS) - 1) * GAP_X
    height = max(y for _, y in places.values()) + BOX_HEIGHT + MARGIN
    lines = [
        _arrow(places[parent], places[key])
        for key in sorted(places)
        for parent in sorted(graph.get(key).parent_keys)
        if parent in places
    ]
    boxes = [_box(key, graph.get(key).group_name, *place) for key, place in sorted(places.items())]
    headers = [
        f'<text x="{MARGIN + c * (BOX_WIDTH + GAP_X) + BOX_WIDTH / 2}" y="{MARGIN + 14}" '
        f'class="head">{escape(" / ".join(g.replace("_", " ") for g in groups))}</text>'
        for c, groups in enumerate(COLUMNS)
    ]
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="Asset graph">'
    )
    return "\n".join([opening, STYLE, *headers, *lines, *boxes, "</svg>\n"])


def _box(key: dg.AssetKey, group: str, x: int, y: int) -> str:
    return (
        f'<g><rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" '
        f'fill="{COLOURS[group]}"/><text x="{x + BOX_WIDTH / 2}" y="{y + BOX_HEIGHT / 2 + 4}">'
        f"{escape('/'.join(key.path))}</text></g>"
    )


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    """From the right side of the parent to the left of the child; within a column, at the side."""
    (x1, y1), (x2, y2) = start, end
    y1, y2 = y1 + BOX_HEIGHT // 2, y2 + BOX_HEIGHT // 2
    if x1 == x2:
        side = x1 + BOX_WIDTH
        bend = side + GAP_X // 3
        return f'<path d="M{side} {y1} C{bend} {y1} {bend} {y2} {side} {y2}"/>'
    x1 += BOX_WIDTH
    middle = (x1 + x2) / 2
    return f'<path d="M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}"/>'
