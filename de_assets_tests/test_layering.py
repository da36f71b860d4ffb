"""Imports run one way, and importing does nothing else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "de_assets"
# Each may import itself and whatever stands before it.
LAYERS = (
    ("errors",),
    ("settings",),
    ("contracts",),
    ("transforms",),
    ("storage",),
    ("crm",),
    ("sources",),
    ("partitions",),
    ("privacy",),
    ("incidents",),
    ("checks",),
    ("assets",),
    ("automation",),
    ("deployment",),
    ("definitions",),
    ("lifecycle_report",),
    ("sandbox",),
    ("lifecycle", "graph_picture", "doctor"),
    ("commands",),
    ("cli",),
)
# The demo is the one part of the sandbox that runs the whole.
EXCEPTIONS = {"sandbox/demo.py"}
WITHOUT_DAGSTER = (
    *("errors", "settings", "contracts", "transforms", "sources", "crm", "sandbox", "privacy"),
)
LATE = ("sklearn", "skops", "dagster_aws", "boto3", "scipy", "moto", "uvicorn", "pandas")


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py"))


def layer_of(parts):
    name = parts[0].removesuffix(".py")
    return next(i for i, layer in enumerate(LAYERS) if name in layer)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_stands_below_it(path):
    parts = path.relative_to(PACKAGE).parts
    if parts == ("__init__.py",) or "/".join(parts) in EXCEPTIONS:
        return
    for imported in imports_of(path):
        names = imported.split(".")
        if names[0] == "de_assets" and len(names) > 1:
            assert layer_of(names[1:]) <= layer_of(parts), imported
        if names[0] == "dagster" and path.relative_to(PACKAGE / parts[0]) != Path("demo.py"):
            assert parts[0].removesuffix(".py") not in WITHOUT_DAGSTER, imported


def test_loading_the_definitions_leaves_the_heavy_libraries_alone():
    code = (
        "import sys, de_assets.definitions; "
        f"print([name for name in {LATE!r} if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_importing_every_module_opens_no_connection_starts_nothing_and_writes_nothing(tmp_path):
    names = [
        ".".join(("de_assets", *path.relative_to(PACKAGE).with_suffix("").parts))
        for path in modules()
        if path.name != "__init__.py"
    ]
    code = f"""
import sys
import dagster, polars, pandera.polars, starlette, uvicorn, numpy, scipy, threadpoolctl, requests
import sklearn, jinja2, dotenv
def refuse(event, args):
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if writes or event in (
        "socket.connect", "socket.bind", "subprocess.Popen", "os.mkdir", "os.rename"
    ):
        raise SystemExit(f"{{event}} {{args}}")
sys.addaudithook(refuse)
import importlib
for name in {names!r}:
    importlib.import_module(name)
print("nothing happened")
"""
    done = subprocess.run(
        [sys.executable, "-B", "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.strip() == "nothing happened", done.stdout + done.stderr


def test_no_module_turns_its_annotations_into_strings():
    for path in modules():
        assert "__future__" not in set(imports_of(path)), path
