"""Every hive of the corpus, generalized, and searched for the machine that it came from.

What is found has to be explained by a rule of `verify`, or it is in the table below, which is what remains
to be removed by hand. These are many runs. They belong to `make judges`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reseal.operations.generalize import Generalize, GeneralizeRequest
from reseal.proof.hits import Hit
from reseal.proof.hives import places
from reseal.proof.identity import MachineIdentity
from reseal.proof.judgement import Context, Verdict, judge
from reseal.proof.needles import needles
from reseal.proof.scanner import Scanner
from reseal.regf import Hive, RegfError
from reseal.session import Session
from reseal.sid import hives
from reseal.testing.machine import Machine
from reseal.windows import Sid
from tests.builders import session

pytestmark = [
    pytest.mark.judges,
    pytest.mark.corpus,
    pytest.mark.skipif("RESEAL_JUDGES" not in os.environ, reason="`make judges` runs it"),
]

TEN, TEN_ACCOUNTS = "machines/win10-1709", "machines/win10-21h1"
EIGHT, SEVEN = "machines/win81-domain-joined", "machines/win7sp1-x86-domain-joined"
CONFIG = "Windows/System32/config"
ALICE, CLASSES = "Users/Alice", "AppData/Local/Microsoft/Windows/UsrClass.dat"
#: Path in the image to path in the corpus.
SETS: dict[str, dict[str, str]] = {
    "10": {
        f"{CONFIG}/SYSTEM": f"{TEN}/SYSTEM",
        **{f"{CONFIG}/{name}": f"{TEN_ACCOUNTS}/{name}"
           for name in ("SAM", "SECURITY", "DEFAULT", "BBI", "ELAM")},
        f"{ALICE}/NTUSER.DAT": f"{TEN_ACCOUNTS}/Users/AndrewRathbun/NTUSER.DAT",
        f"{ALICE}/{CLASSES}": f"{TEN_ACCOUNTS}/Users/AndrewRathbun/UsrClass.dat",
        f"Users/Bob/{CLASSES}": f"{TEN}/UsrClass.dat",
        "Users/Default/NTUSER.DAT": f"{TEN_ACCOUNTS}/Users/Default/NTUSER.DAT",
        **{f"Windows/ServiceProfiles/{name}/NTUSER.DAT":
           f"{TEN_ACCOUNTS}/ServiceProfiles/{name}/NTUSER.DAT"
           for name in ("LocalService", "NetworkService")},
    },
    "8.1": {
        **{f"{CONFIG}/{name}": f"{EIGHT}/{name}" for name in ("SAM", "SECURITY")},
        f"{ALICE}/NTUSER.DAT": f"{EIGHT}/NTUSER.DAT", f"{ALICE}/{CLASSES}": f"{EIGHT}/UsrClass.dat",
    },
    "7": {f"{CONFIG}/SYSTEM": f"{SEVEN}/SYSTEM"},
}  # fmt: skip
#: Hives of one user or program, with their place in the image.
SINGLE = {
    **{f"hives/{name}": f"{ALICE}/NTUSER.DAT" for name in (
        "NTUSER-WSL.DAT", "NTUSER.DAT", "NTUSER_BAGMRU.DAT", "NTUSER_with_winscp.DAT",
        "plaso-NTUSER-CCLEANER.DAT", "plaso-NTUSER-RunTests.DAT", "plaso-NTUSER-WIN7.DAT",
        "plaso-NTUSER.DAT", "ntuser_software_partial",
    )},
    **{f"hives/{name}": "Windows/appcompat/Programs/Amcache.hve" for name in (
        "DFIRArtifactMuseum-Amcache.hve", "DFIRArtifactMuseum-Amcache-2.hve", "amcache.hve",
        "dissect.target-amcache-old.hve", "plaso-win10-Amcache.hve",
    )},
    "hives/dissect.target-Syscache.hve": "System Volume Information/Syscache.hve",
    f"{TEN}/UsrClass.dat": f"{ALICE}/{CLASSES}",
    f"{EIGHT}/UsrClass.dat": f"{ALICE}/{CLASSES}",
}  # fmt: skip


def _spec(corpus: Path, wanted: dict[str, str]) -> dict[str, Any]:
    """Nested files, with the logs that the corpus has."""
    spec: dict[str, Any] = {}
    for place, source in wanted.items():
        for suffix in ("", ".LOG", ".LOG1", ".LOG2"):
            file = corpus / f"{source}{suffix}"
            if file.exists():
                *folders, name = place.split("/")
                here = spec
                for folder in folders:
                    here = here.setdefault(folder, {})
                here[f"{name}{suffix}"] = file.read_bytes()
    return spec


def _found(one: Session, identity: MachineIdentity) -> list[tuple[str, str, str]]:
    """What no rule explains: file, key, identity."""
    searched = needles(identity)
    scanner = Scanner(searched)
    context = Context(new_sid_pending=False, hives=frozenset())
    left = []
    for path in hives.paths(one):
        loaded = one.registry.load_file(path)
        assert loaded
        data = bytes(loaded.hive.to_bytes())
        hits = {at: searched[index] for at, index in scanner.find(data)}
        for at, (place, inside) in places(loaded.hive, hits).items():
            needle = hits[at]
            key = f"{one.registry.shown(loaded.name)}\\{inside}" if inside else ""
            hit = Hit(needle.kind, needle.value, needle.form, place, path, key)
            if judge(hit, context).verdict is Verdict.LEFT_BEHIND:
                left.append((path, key, needle.value))
    return left


@pytest.mark.parametrize("name", SETS)
def test_a_set_of_hives_keeps_nothing_of_its_machine(name: str, corpus: Path) -> None:
    one = session(Machine(computer_name="QXJZKVWPLMTRBHD", files=_spec(corpus, SETS[name])))
    identity = MachineIdentity.of(one.installation)
    assert identity.mac_addresses or name == "8.1"
    Generalize(GeneralizeRequest(sid="new")).stage(one)
    assert _found(one, identity) == []


@pytest.mark.parametrize(("source", "place"), SINGLE.items(), ids=list(SINGLE))
def test_a_single_hive_keeps_no_sid_of_its_machine(source: str, place: str, corpus: Path) -> None:
    data = (corpus / source).read_bytes()
    named = Counter(
        match[0].decode("utf-16-le")
        for match in re.finditer(rb"S\0-\0001\0-\0005\0-\0002\0001\0(?:-\0(?:\d\0){5,10}){3}", data)
    )
    if not named:
        pytest.skip("it names no machine's SID")
    old = Sid.parse(named.most_common(1)[0][0])
    one = session(Machine(sid=old, files=_spec(corpus, {place: source})))
    Generalize(GeneralizeRequest(sid="new")).stage(one)
    assert _found(one, MachineIdentity(machine_sid=str(old))) == []


def test_every_hive_of_the_corpus_is_in_a_table(corpus: Path) -> None:
    """Those of no machine are left out: made for tests of readers, partial, or damaged."""
    known = {source for wanted in SETS.values() for source in wanted.values()} | SINGLE.keys()
    others = {
        "BCD", "BCD-Template", "REORGANIZED_VALUES_TESTS", "SECURITY", "cfreds-2017-winreg-base.hive",
        "corrupted_system_hive", "libguestfs-minimal", "libguestfs-windows-software",
        "libguestfs-windows-system", "plaso-100_sub_keys.hiv", "plaso-corrupt_sub_key_list.hiv",
        "qthivex-BCD-Template", "qthivex-bcdtest", "velociraptor-SAM",
    }  # fmt: skip
    for folder in ("hives", "machines"):
        for file in (corpus / folder).rglob("*"):
            if not file.is_file() or re.search(r"\.LOG[12]?$", file.name):
                continue
            try:
                Hive.open(file.read_bytes(), ignore_logs=True)
            except RegfError:
                continue
            assert file.name in others or str(file.relative_to(corpus)) in known, file
