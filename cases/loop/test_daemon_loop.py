# SPDX-License-Identifier: MIT
"""The closed loop: the fake tests the daemon suite, and the suite tests the fake.

Conformant profiles pass every check; a quirk breaks the requirements that it names and no other; every
check is broken by a quirk. Where that is not so yet, ``deviations.yaml`` says where and why:

    quirks: {NAME: {missing: {ID: reason}, extra: {ID: reason}}}    extra: {"*": reason} allows any
    checks: {FILE.CHECK: reason}        checks that no quirk breaks
    conformant: {FILE.CHECK: reason}    checks that may be inconclusive on a conformant profile

A deviation that is not there any more has to be taken off the list, so the loop can only get tighter.
``make test`` looks at what quirks name and runs a part of the quirks, each with the areas that it breaks; all of them
with everything, and the conformant profiles, are of the long lane (IGDLAB_LONG=1).
IGDLAB_LOOP_RECORD=FILE writes what was found as a file of that form. IGDLAB_LOOP_QUIRKS="NAME ..." does
those quirks only. IGDLAB_LOOP_KEEP=FOLDER keeps the results of each part, and an interrupted run of the same tree goes on
from there; IGDLAB_LOOP_WORKERS=N is how many parts run at a time.
"""
import ast
import os
import pathlib
import zlib

import pytest
import yaml

from cases.harness import loop, matrix
from cases.harness.requirement import BROKEN

FILE = pathlib.Path(__file__).parent / "deviations.yaml"
LONG = bool(os.environ.get("IGDLAB_LONG"))
CONFORMANT = {f"fakeigd:{name}": "" if name.startswith("conformant-") else asked  # which checks they have to pass: all, or those asked
              for name, asked in matrix.conformant().items() if asked or name.startswith("conformant-")}
PART = 48            # make test does one of so many of the quirks that break something
AREAS = "SSDP DESC SOAP GENA IGD WIPC WCONN CIF NAT SEC NATPMP PCP PCPX XP 6FC V6FW IWF".split()  # of which checks the coverage is reckoned
SLOW = """http-rate-sensitive http-hang-on-request http-chunk-malformed-no-size sec-xml-entities
    http-content-length-wrong ssdp-answers-service-st-only ssdp-notify-instead-of-reply ssdp-first-search-lost sec-deep-nesting
    ev-no-events-sent desc-huge-services pm-addany-unsupported-hang pm-addany-slow-loop http-slow-response http-slow-response-under-load http-hang-on-request-control
    sec-slow-loris sec-slow-loris-control sec-slow-loris-endless sec-slow-loris-huge-head sec-slow-loris-huge-length
    sec-infinite-discover""".split()  # a minute and more each
LEAST_NAMED = 0.98   # of the checks, named by a quirk or with a reason; raise it when it grows
LEAST_COVERAGE = 0.9  # of the checks, broken by a quirk or with a reason (issue 4)
QUIRKS = loop.quirks()


def chosen():
    """Names of the quirks of this run."""
    if os.environ.get("IGDLAB_LOOP_QUIRKS"):
        return os.environ["IGDLAB_LOOP_QUIRKS"].split()
    if LONG:
        return list(QUIRKS)
    return [name for name, quirk in QUIRKS.items() if quirk["breaks"] and name not in SLOW and zlib.crc32(name.encode()) % PART == 0]


def selection(quirk):
    """Which checks a quirk runs under: all, or in make test those of the areas that it breaks."""
    if LONG or os.environ.get("IGDLAB_LOOP_QUIRKS"):
        return ""
    return " ".join(f"area:{area}" for area in sorted({name.rsplit("-", 1)[0] for name in quirk["breaks"]}))


def deviations():
    """The list of deviations."""
    return (yaml.safe_load(FILE.read_text()) if FILE.exists() else None) or {}


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """{subject: results}: everything is run once, by the worker that comes first."""
    def run(base):
        plan = {name: {"select": select} for name, select in CONFORMANT.items()} if LONG else {}
        plan |= {loop.subject_of(name, QUIRKS[name]): {"select": selection(QUIRKS[name]), "slow": name in SLOW,
                                                       "named": QUIRKS[name]["breaks"]} for name in chosen()}
        folder = pathlib.Path(os.environ.get("IGDLAB_LOOP_KEEP") or base)
        folder.mkdir(parents=True, exist_ok=True)
        found = loop.run(plan, folder, int(os.environ.get("IGDLAB_LOOP_WORKERS", loop.WORKERS)))
        if os.environ.get("IGDLAB_LOOP_RECORD"):
            record(found)
        return found
    return loop.once(tmp_path_factory, "loop", run)


def record(found):
    """Write the deviations found, for somebody to look into each."""
    listed = {}
    for name in chosen():
        missing, extra = loop.judge(found[loop.subject_of(name, QUIRKS[name])], QUIRKS[name]["breaks"])
        if missing or extra:
            listed[name] = {key: value for key, value in (("missing", missing), ("extra", extra)) if value}
    pathlib.Path(os.environ["IGDLAB_LOOP_RECORD"]).write_text(
        yaml.safe_dump({"quirks": listed, "checks": dict.fromkeys(unbroken(found), "")}, width=118))


def function(result):
    """The check's file and function: what its parameters share is one check; other files have functions of that name, too."""
    return f"{pathlib.PurePath(result['check'].partition('::')[0]).stem}.{loop.check_name(result).partition('[')[0]}"


def of_areas(ids):
    """Whether one of these ids is of AREAS."""
    return any(name.rsplit("-", 1)[0] in AREAS for name in ids)


def ran(found):
    """Checks of AREAS that ran anywhere."""
    return {function(r) for items in found.values() for r in items if r["grade"] in loop.RAN and of_areas(r["requirements"])}


def unbroken(found):
    """Checks that ran and that no quirk of this run breaks."""
    broken = {function(r) for subject, items in found.items() if subject not in CONFORMANT
              for r in items if r["grade"] in BROKEN}
    return sorted(ran(found) - broken)


def test_every_conformant_profile_is_judged():
    assert {f"fakeigd:{path.stem}" for path in matrix.PROFILES.glob("conformant-*.yaml")} <= set(CONFORMANT)


@pytest.mark.long
@pytest.mark.parametrize("subject", CONFORMANT)
def test_conformant_passes_everything(results, subject):
    listed = deviations().get("conformant", {})
    wrong = {loop.check_name(r): f"{r['grade']}: {r['reason']}" for r in results[subject]
             if r["grade"] not in ("pass", "unsupported", "not-run")
             and not (r["grade"] == "inconclusive" and function(r) in listed)}
    assert results[subject] and not wrong


@pytest.mark.parametrize("name", chosen())
def test_quirk_breaks_what_it_names_and_no_more(results, name):
    items = results[loop.subject_of(name, QUIRKS[name])]
    listed = deviations().get("quirks", {}).get(name, {})
    judged = {i for r in items if r["grade"] in loop.RAN for i in r["requirements"]}
    missing, extra = loop.judge(items, QUIRKS[name]["breaks"])
    new = {f"{kind} {i}": why for kind, found in (("names, but passes:", missing), ("breaks, but does not name:", extra))
           for i, why in found.items() if not {i, "*"} & set(listed.get("missing" if found is missing else "extra", {}))}
    gone = [i for kind, found in (("missing", missing), ("extra", extra))
            for i in listed.get(kind, {}) if i in judged and i not in found]
    assert not new, f"{name}: put it right, or list it in {FILE.name} with a reason"
    assert not gone, f"{name}: take these off {FILE.name}"


def test_deviations_are_of_checks():
    listed = deviations()
    assert {*listed.get("checks", {}), *listed.get("conformant", {})} <= set(loop.checks()), f"FILE.CHECK in {FILE.name}"


def test_checks_of_a_file_have_names_of_their_own():
    """The second function of a name would take the place of the first."""
    for path in sorted((loop.REPOSITORY / "cases" / "daemon").glob("test_*.py")):
        names = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]


def test_quirks_name_what_checks_test(capsys):
    """Without running any: the share of checks of whose requirements some quirk says that it breaks one."""
    named = {i for quirk in QUIRKS.values() for i in quirk["breaks"]}
    every = {name: ids for name, ids in loop.checks().items() if of_areas(ids)}
    unnamed = sorted(name for name, ids in every.items() if not ids & named)
    left = [name for name in unnamed if name not in deviations().get("checks", {})]
    share = 1 - len(left) / len(every)
    with capsys.disabled():
        print(f"\nloop: quirks name what {len(every) - len(unnamed)} of {len(every)} checks test "
              f"({1 - len(unnamed) / len(every):.1%}); {len(unnamed) - len(left)} of the others have a reason")
    assert share >= LEAST_NAMED, f"{share:.1%} of the checks; no quirk names these: {left}"


def test_every_check_is_broken_by_a_quirk(results, capsys):
    listed = deviations().get("checks", {}) or {}
    every, left = ran(results), unbroken(results)
    share = 1 - len(left) / max(1, len(every))
    with capsys.disabled():
        print(f"\nloop: {len(every) - len(left)} of {len(every)} checks are broken by one of {len(chosen())} quirks "
              f"({share:.0%}); {sum(name in listed for name in left)} of the others have a reason")
    if not LONG:
        return
    assert not [name for name in left if name not in listed], f"no quirk breaks these; list them in {FILE.name}"
    assert not [name for name in listed if name in every and name not in left], f"take these off {FILE.name}"
    assert share >= LEAST_COVERAGE
