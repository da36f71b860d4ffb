"""The index of the runbooks, made from their first lines.

`python -m de_assets.incidents.runbooks docs/runbooks` writes `README.md` there; a test holds it
against the files.
"""

import sys
from pathlib import Path

INDEX = "README.md"
HEAD = """# Runbooks

What to do about an incident, by the check that failed. `de-assets incidents` lists what is open,
`de-assets incidents show ID` names the runbook, and [incidents](../incidents.md) says what one is.

Made from the files beside it: `python -m de_assets.incidents.runbooks docs/runbooks`.

| runbook | about |
|---|---|
"""


def index(folder: Path) -> str:
    """The text of the index: each runbook with its title, by name."""
    rows = []
    for path in sorted(folder.glob("*.md")):
        if path.name != INDEX:
            title = path.read_text().splitlines()[0].removeprefix("# ").removeprefix("Runbook: ")
            rows.append(f"| [{path.stem}]({path.name}) | {title.rpartition('`: ')[2]} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / INDEX).write_text(index(target))
