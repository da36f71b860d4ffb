"""Every line of docs/failure-policy.md names a test that exists."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
POLICY = TESTS.parent / "docs" / "failure-policy.md"


def policy_lines():
    rows = [row for row in POLICY.read_text().splitlines() if row.startswith("| ")]
    return [row for row in rows if not row.startswith(("| what ", "|---"))]


def known_tests():
    return {
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("row", policy_lines(), ids=lambda row: row.split("|")[1].strip())
def test_a_line_of_the_policy_is_held_by_a_test(row):
    held_by = re.findall(r"`(test_\w+)`", row.split("|")[3])
    assert held_by, "name the test in the third column"
    assert set(held_by) <= known_tests()
