"""Findings grouped by what one action removes, and what that action is."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.proof import known
from reseal.proof.comparison import compare
from reseal.proof.groups import Owners, grouped, option_of
from reseal.proof.hits import Hit, Place
from reseal.proof.identity import Kind
from reseal.proof.judgement import Context, Verdict, judge
from reseal.sid import places
from reseal.testing.machine import Machine
from tests.builders import session

SID = "S-1-5-21-1-2-3"
CLASSES = r"Users\Alice\AppData\Local\Microsoft\Windows\UsrClass.dat"


def _hit(path: str, key: str = "", **changes: Any) -> dict[str, Any]:
    return {
        "verdict": "left behind", "kind": Kind.SID, "value": SID, "place": Place.VALUE, "path": path,
        "key": key, "count": 1, **changes,
    }  # fmt: skip


def test_hundreds_of_places_in_a_file_are_one_line() -> None:
    owners = Owners(session().installation)
    hits = [_hit(CLASSES, rf"[{CLASSES}]\Key {number}") for number in range(800)]
    hits += [_hit(r"Windows\System32\config\BBI", rf"[BBI]\{number}") for number in range(29)]
    one, two = grouped(hits, owners, {})
    assert (one.places, one.path, one.owner) == (800, CLASSES, "the profile of Alice")
    assert "--sid both" in one.advice
    assert "--remove-user Alice" in one.advice
    assert (two.places, two.owner) == (29, "Windows")
    assert "--remove-user" not in two.advice


def test_files_of_one_folder_are_one_line_and_identities_are_not() -> None:
    owners = Owners(session().installation)
    hits = [_hit(rf"ProgramData\Acme\Logs\{n}.log", place=Place.CONTENT) for n in range(9)]
    hits += [_hit(r"ProgramData\Acme\Logs\0.log", place=Place.CONTENT, kind=Kind.NAME, value="PC")]
    groups = grouped(hits, owners, {})
    assert [(one.places, one.path, one.owner) for one in groups] == [
        (9, r"ProgramData\Acme\Logs", "Acme"), (1, r"ProgramData\Acme\Logs", "Acme"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "key", "advice"),
    [
        (r"Windows\System32\config\SYSTEM", r"HKLM\SYSTEM\ControlSet001\Services\Acme\\ObjectName",
         "customize --service Acme:disabled"),
        (r"Windows\System32\config\SYSTEM", r"HKLM\SYSTEM\ControlSet001\Services\Acme\\ImagePath",
         "reseal reg"),
        (r"Windows\System32\Tasks\Acme\Sync", "", "Register the task again"),
        (r"Windows\System32\config\SOFTWARE",
         r"HKLM\SOFTWARE\Microsoft\SystemCertificates\MY\Certificates\AB12\\Blob",
         r"--reg-delete 'HKLM\SOFTWARE\Microsoft\SystemCertificates\MY\Certificates\AB12'`"),
        (r"Windows\System32\config\SOFTWARE",
         r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tasks\{1}\\Author",
         "Register the task again"),
    ],
)  # fmt: skip
def test_names_of_services_tasks_and_certificates_get_advice_of_their_own(
    path: str, key: str, advice: str
) -> None:
    place = Place.VALUE if key else Place.CONTENT
    (one,) = grouped(
        [_hit(path, key, kind=Kind.NAME, value="PC", place=place)],
        Owners(session().installation),
        {},
    )
    assert advice in one.advice
    assert one.first == (key or path)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        (r"HKLM\SOFTWARE\Acme\Agent\\Id", "generalize --enable agent"),
        (r"HKLM\SOFTWARE\Acme\Agent\Sub\\Id", "generalize --enable agent"),
        (r"HKLM\SOFTWARE\Acme\Agents\\Id", None),
        (r"ProgramData\Acme\id.txt", "generalize"),
        (r"ProgramData\Acme", None),
    ],
)
def test_a_provider_that_would_remove_it_is_named(place: str, found: str | None) -> None:
    places_known = {
        r"hklm\software\acme\agent": "generalize --enable agent",
        r"programdata\acme\id.txt": "generalize",
    }
    hit = _hit("x", place) if place.startswith("HK") else _hit(place)
    assert option_of(hit, places_known) == found


def test_every_provider_says_what_it_would_remove_also_those_that_are_off() -> None:
    hosts = {"ProgramData": {"ssh": {"ssh_host_rsa_key": b"key", "ssh_host_rsa_key.pub": b"key"}}}
    one = session(Machine(files=hosts))
    removable = known.options(one.installation)
    assert removable[r"programdata\ssh\ssh_host_rsa_key"] == "generalize --enable openssh"
    name = r"hklm\system\controlset001\control\computername\computername\\computername"
    assert removable[name] == "generalize"


PENDING = {
    CLASSES: True,
    r"Windows\System32\config\BBI": True,
    r"Windows\System32\Tasks\Folder\A task": True,
    r"ProgramData\Microsoft\Windows\AppRepository\StateRepository-Machine.srd": True,
    r"ProgramData\Microsoft\Windows\AppRepository\StateRepository-Machine.srd-wal": True,
    r"Windows\sid.bin": False,
    r"ProgramData\Acme\sid.txt": False,
    r"Users\Alice\sid.txt": False,
}


@pytest.mark.parametrize("path", PENDING)
@pytest.mark.parametrize("pending", [True, False])
def test_what_sysprep_leaves_is_told_from_what_somebody_wrote(path: str, *, pending: bool) -> None:
    context = Context(
        pending, frozenset(), lambda one: places.known(one, "Windows", [r"Users\Alice"])
    )
    found = judge(Hit(Kind.SID, SID, "binary", Place.CONTENT, path), context)
    expected = Verdict.AS_SYSPREP if pending and PENDING[path] else Verdict.LEFT_BEHIND
    assert found.verdict is expected
    name = judge(Hit(Kind.NAME, "PC", "text", Place.CONTENT, path), context)
    assert name.verdict is Verdict.LEFT_BEHIND


SSH = {"ProgramData": {"ssh": {"ssh_host_rsa_key": b"a private key", "sshd_config": b"Port 22"}}}


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [(SSH, SSH, True), (SSH, {}, False),
     (SSH, {"ProgramData": {"ssh": {"ssh_host_rsa_key": b"another key"}}}, False)],
)  # fmt: skip
def test_what_agents_that_are_off_know_is_compared(
    first: dict[str, Any], second: dict[str, Any], *, shared: bool
) -> None:
    images = []
    for number, files in enumerate((first, second)):
        one = session(Machine(files=files))
        found = known.identities(one.installation)
        images.append({
            "path": str(number), "generalized": True, "new_sid_at_next_boot": True, "identities": [
                {"kind": Kind.AGENT.value, "value": str(each)} for each in found]})  # fmt: skip
    record = compare(images)
    assert bool(record["shared"]) == shared
    assert record["result"] == ("identities shared" if shared else "nothing shared")
