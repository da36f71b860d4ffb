"""A column or a rule more is one line in one file: a copy of the package gets that line, and runs.

Nothing else is edited, and the lake already holds a day of the package without it.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from de_assets_tests.assets.shop import HEADER, Shop

PROJECT = Path(__file__).parents[2]
BEFORE, DAY = "2026-01-04", "2026-01-05"
COLUMN = """\
    discount: pl.Float64 = column("Discount", nullable=True, read="number", ge=0)
"""
ROW_RULE = """\
    no_gift = row_rule("no_gift", "Has a price.", pl.col("unit_price") * pl.col("quantity") != 0)
"""
LINE_RULE = (
    '    "What the shop calls the product", nullable=True, read="text", follows="product_id"'
)

# What somebody finds who ingests the day with the package on the path, as JSON.
LOOK = """
import json, sys
from pathlib import Path
import dagster as dg
import de_assets
from de_assets.contracts.dictionary import data_dictionary
from de_assets_tests.assets.shop import Shop, check
folder, day = Path(sys.argv[1]), sys.argv[2]
with dg.DagsterInstance.ephemeral() as instance:
    shop = Shop.at(folder, instance)
    result = shop.ingest(day)
    asset = shop.defs.resolve_asset_graph().get(dg.AssetKey(["cleaned", "order_lines"]))
    tab = asset.metadata["dagster/column_schema"].columns
    rules = {
        record.data["rule"]: record.data["failing_rows"]
        for name in ("validity", "consistency")
        for record in check(result, "cleaned/order_lines", name).metadata["rules"].records
    }
raw, cleaned, broken = (
    shop.table(f"{stage}/order_lines", day) for stage in ("raw", "cleaned", "quarantine")
)
print("FOUND", json.dumps({
    "package": de_assets.__file__,
    "failures": [
        str(event.step_failure_data.error.cause or event.step_failure_data.error)[:2000]
        for event in result.all_events
        if event.is_step_failure
    ],
    "raw": {name: raw[name].to_list() for name in raw.columns if not name.startswith("_")},
    "extra": raw["_extra"].to_list(),
    "cleaned": {name: [str(t), cleaned[name].to_list()] for name, t in cleaned.schema.items()
                if name != "ordered_at"},
    "quarantine": dict(broken.select("order_id", "reasons").iter_rows()),
    "quarantine_columns": broken.columns,
    "tab": {column.name: [column.type, column.description, *column.constraints.other]
            for column in tab},
    "rules": rules,
    "dictionary": data_dictionary(),
}))
"""


@pytest.fixture
def ingested(tmp_path, instance):
    """Ingest a day with a copy of the package in which one line was added or changed."""
    names = {name: name for name in HEADER.strip().split(",")}
    sources = {
        "order_lines": {
            "url": str(tmp_path / "landing"),
            "columns": names | {"discount": "Rabatt"},
        }
    }

    def ingest(old, new):
        shop = Shop(tmp_path, instance)
        shop.drop("before.csv", f"o1,p1,thing,2,{BEFORE} 10:00:00,1.5,101")
        assert shop.ingest(BEFORE).success
        (shop.landing / "after.csv").write_text(
            HEADER.strip() + ",Rabatt\n"
            f"o2,p2,thing,2,{DAY} 10:00:00,1.5,102,0.25\n"
            f"o3,p3,thing,2,{DAY} 10:00:00,1.5,103,\n"
            f"o4,p4,thing,2,{DAY} 10:00:00,1.5,104,-1\n"
            f"o5,p5,thing,2,{DAY} 10:00:00,1.5,105,half\n"
            f"o6,p6,a very long description,2,{DAY} 10:00:00,0,106,0.5\n"
        )
        copy = tmp_path / "copy"
        shutil.copytree(
            PROJECT / "de_assets", copy / "de_assets", ignore=shutil.ignore_patterns("__pycache__")
        )
        tests = copy / "de_assets_tests"
        shutil.copytree(PROJECT / "de_assets_tests/assets", tests / "assets")
        (tests / "__init__.py").touch()
        declared = copy / "de_assets/contracts/cleaned.py"
        text = declared.read_text()
        assert text.count(old) == 1
        changed = text.replace(old, new)
        assert len(set(changed.splitlines()) - set(text.splitlines())) == 1
        declared.write_text(changed)
        if new.startswith(COLUMN):  # the package under test does not know the column
            shop.sources.write_text(json.dumps(json.loads(shop.sources.read_text()) | sources))
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", LOOK, str(tmp_path), DAY],
            capture_output=True,
            text=True,
            cwd=copy,
            env={"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found = json.loads(done.stdout.split("FOUND ", 1)[1])
        assert found["package"].startswith(str(copy))
        return found

    return ingest


FIRST_ROW_RULE = "    cancellation_is_not_a_sale = row_rule(\n"


def test_a_column_more_is_one_line_and_is_read_typed_checked_shown_and_described(ingested):
    last_column = (
        '    is_cancellation: pl.Boolean = column("Whether the line takes back an earlier one")\n'
    )

    found = ingested(last_column, COLUMN + last_column)

    assert found["raw"]["discount"] == ["0.25", None, "-1", "half", "0.5"]
    assert found["extra"] == [None] * 5
    assert found["cleaned"]["discount"] == ["Float64", [0.25, None, 0.5]]
    assert found["quarantine"] == {
        "o4": ["discount.greater_than_or_equal_to(0)"],
        "o5": ["discount.parseable"],
    }
    assert "discount" in found["quarantine_columns"]
    assert found["tab"]["discount"][:2] == ["Float64", "Discount"]
    assert found["rules"]["discount.greater_than_or_equal_to(0)"] == 1
    assert "| `discount` | Float64 | Discount |" in found["dictionary"]
    assert (
        found["failures"] == []
    )  # what is downstream reads the day before, which has no such column


def test_a_rule_more_on_a_column_is_one_line(ingested):
    found = ingested(f"    {LINE_RULE}\n", f"    {LINE_RULE}, str_length=(0, 10)\n")

    rule = next(name for name in found["rules"] if name.startswith("description.str_length"))
    assert found["quarantine"] == {"o6": [rule]}
    assert found["rules"][rule] == 1
    assert rule.removeprefix("description.") in found["dictionary"]
    assert found["failures"] == []


def test_a_rule_between_columns_is_one_line(ingested):
    found = ingested(FIRST_ROW_RULE, ROW_RULE + FIRST_ROW_RULE)

    assert found["quarantine"] == {"o6": ["no_gift"]}
    assert found["rules"]["no_gift"] == 1
    assert "`no_gift`: Has a price. (`unit_price`, `quantity`)" in found["dictionary"]
    assert found["failures"] == []
