# SPDX-License-Identifier: MIT
"""Every requirement of clients has a scenario, a case of the matrix, or a reason; nothing of that is lost again."""
import ast
import pathlib

from cases.harness import matrix
from cases.harness.requirement import catalogue

HERE = pathlib.Path(__file__).resolve().parent
AREAS = ("6FC", "CIF", "CP", "DESC", "GENA", "NAT", "NATPMP", "PCP", "SEC", "SOAP", "SSDP", "WCONN", "WIPC")
LEAST = 0.85  # of the rows, tested; raise it when it grows


def named():
    """{id: names of scenarios} of the marks in this folder."""
    found = {}
    for path in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "scenario":
                for argument in node.args:
                    if isinstance(argument, ast.Constant):
                        found.setdefault(argument.value, []).append(path.name)
    for ids in bent():
        found.setdefault(ids, []).append("test_bent.py")
    return found


def bent():
    """Ids of the table of test_bent.py, whose marks are made from it."""
    from . import test_bent
    return [name for ids, _ in test_bent.ODD.values() for name in ids]


def rows():
    """The requirements of clients."""
    return [row for row in catalogue().values() if row.area in AREAS and row.side in ("client", "both")]


def test_every_row_is_tested_or_has_its_reason(capsys):
    tested = set(named()) | {name for ids in matrix.rows().values() for name in ids}
    share = sum(row.id in tested for row in rows()) / len(rows())
    with capsys.disabled():
        print(f"\nclients: {share:.0%} of {len(rows())} requirements are tested; {sum(row.id not in tested for row in rows())} have a reason")
    assert not [row.sentence for row in rows() if row.id not in tested and not row.uncovered]
    assert not [row.id for row in rows() if row.side == "client" and row.id in tested and row.uncovered], "take the reason away"
    assert share >= LEAST


def test_rows_name_what_there_is():
    cases = {(case.kind, case.name) for case in matrix.every_case()}
    assert not [f"{kind}:{name}" for kind, name in matrix.rows() if (kind, name) not in cases]
    sides = {name: catalogue()[name].side for ids in matrix.rows().values() for name in ids}
    assert not [name for name, side in sides.items() if side == "daemon"]
