"""Leaving a domain: the machine is a member of WORKGROUP, and nothing of the domain lets it in."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.providers.domain_leave import domain_leave
from reseal.providers.domain_leave.groups import DamagedGroupError, members, without_foreign
from reseal.providers.domain_leave.membership import EMPTY_SLOT
from reseal.providers.domain_leave.policy import GROUP_POLICY
from reseal.session import Session
from reseal.testing.machine import SAMPLE_SID, Machine
from reseal.testing.membership import group
from reseal.testing.memory import MemoryTree
from reseal.windows import Sid, identity
from tests.builders import difference, session, state
from tests.providers.hardware import nested
from tests.providers.judge import (
    WINDOWS_7_DOMAIN,
    WINDOWS_10_ACCOUNTS,
    WINDOWS_81_DOMAIN,
    compare,
    judge,
    real,
    run,
)

DOMAIN = Sid.parse("S-1-5-21-226059406-2984137831-1201299043")
ALIASES = r"HKLM\SAM\SAM\Domains\Builtin\Aliases"
SERVICES = {
    "Netlogon": {"Start": 2, "Parameters": {"DynamicSiteName": "Site", "Update": "no"}},
    "W32Time": {"Parameters": {"Type": "NT5DS", "NtpServer": "ntp.corp.example,0x9"}},
    "Tcpip": {"Parameters": {"NV Domain": "corp.example", "ICSDomain": "mshome.net"}},
}


def _machine(**more: Any) -> Machine:
    profiles = {
        str(DOMAIN.relative(1107)): {"ProfileImagePath": r"C:\Users\jdoe"},
        str(SAMPLE_SID.relative(1001)): {"ProfileImagePath": r"C:\Users\Alice"},
    }
    policy = {
        "History": {"{35378EAC}": {"0": {"DSPath": "LDAP://CN=Machine,cn={31B2F340},DC=corp"}}},
        "State": {
            "Machine": {"Distinguished-Name": "CN=PC,DC=corp", "Extension-List": {"{1}": {}}}
        },
        "DataStore": {"Machine": {"0": {"SysVol": "x"}}},
        str(DOMAIN.relative(1107)): {"GroupMembership": {"Group0": str(DOMAIN.relative(513))}},
        str(SAMPLE_SID.relative(1001)): {"GroupMembership": {"Group0": "S-1-1-0"}},
    }
    software = nested({
        r"Microsoft\Windows NT\CurrentVersion\ProfileList": profiles,
        GROUP_POLICY.removeprefix("HKLM\\SOFTWARE\\"): policy,
        r"Policies\Microsoft\Windows\System": {"Scripts": 1},
    })  # fmt: skip
    files = {
        "ProgramData": {"Microsoft": {"Group Policy": {"History": {
            "{31B2F340}": {"Machine": {"registry.pol": b"PReg"}}}}}},
        "Windows": {"System32": {"GroupPolicy": {
            "DataStore": {"0": {"sysvol": {"corp.example": {"gpt.ini": b"v"}}}},
            "Machine": {"Registry.pol": b"local"},
        }}},
    }  # fmt: skip
    return Machine(
        domain_sid=DOMAIN,
        system={f"ControlSet{number:03}": {"Services": SERVICES} for number in (1, 2)},
        control_sets=(1, 2),
        software=software,
        files=files,
        **more,
    )


def _groups(one: Session) -> dict[str, list[str]]:
    aliases = one.registry.key(ALIASES)
    assert aliases
    found = {}
    for alias in aliases.subkeys():
        value = alias.value("C")
        if value is not None:
            found[alias.name] = [str(sid) for sid in members(value.data)]
    return found


def test_the_machine_is_a_member_of_workgroup() -> None:
    one = session(_machine())
    run("domain-leave", one)
    assert identity.domain(one.registry) == identity.Domain(joined=False, name=None)
    without = session(Machine())
    for name in ("PolPrDmS", "PolPrDmN"):
        path = rf"HKLM\SECURITY\Policy\{name}"
        assert one.registry.value(path, "") == without.registry.value(path, "")
    judge(one)


def test_a_machine_without_a_domain_is_not_touched() -> None:
    one = session(Machine(users=("Alice",)))
    domain_leave(one)
    assert one.changes == []
    assert one.notes == []


def test_password_cache_and_groups_forget_the_domain() -> None:
    one = session(_machine())
    run("domain-leave", one)
    secrets = one.registry.key(r"HKLM\SECURITY\Policy\Secrets")
    assert secrets
    assert {key.name for key in secrets.subkeys()} == {"DPAPI_SYSTEM", "NL$KM"}
    cache = one.registry.key(r"HKLM\SECURITY\Cache")
    assert cache
    entries = {value.name: value.data for value in cache.values()}
    assert entries.pop("NL$Control") == bytes.fromhex("040001000a000000")
    assert set(entries.values()) == {EMPTY_SLOT}
    assert _groups(one) == {
        "00000220": [str(SAMPLE_SID.relative(500))],
        "00000221": [str(SAMPLE_SID.relative(1001))],
    }
    assert one.registry.key(rf"{ALIASES}\Members\{DOMAIN}") is None
    assert one.registry.key(rf"{ALIASES}\Members\{SAMPLE_SID}") is not None


def test_services_work_as_in_a_workgroup_in_every_control_set() -> None:
    one = session(_machine())
    run("domain-leave", one)
    for control_set in ("ControlSet001", "ControlSet002"):
        services = rf"HKLM\SYSTEM\{control_set}\Services"
        value = one.registry.value
        assert value(rf"{services}\Netlogon", "Start") == 3
        assert value(rf"{services}\Netlogon\Parameters", "DynamicSiteName") is None
        assert value(rf"{services}\W32Time\Parameters", "Type") == "NTP"
        assert value(rf"{services}\W32Time\Parameters", "NtpServer") == "ntp.corp.example,0x9"
        assert value(rf"{services}\Tcpip\Parameters", "Domain") == ""
        assert value(rf"{services}\Tcpip\Parameters", "NV Domain") == ""
        assert value(rf"{services}\Tcpip\Parameters", "ICSDomain") == "mshome.net"


def test_a_suffix_that_does_not_follow_membership_stays() -> None:
    made = _machine()
    parameters = {"SyncDomainWithMembership": 0, "NV Domain": "lab.example"}
    made.system["ControlSet001"]["Services"] = {"Tcpip": {"Parameters": parameters}}
    one = session(made)
    run("domain-leave", one)
    path = r"HKLM\SYSTEM\ControlSet001\Services\Tcpip\Parameters"
    assert one.registry.value(path, "NV Domain") == "lab.example"
    assert one.registry.value(path, "Domain") == ""


def test_group_policy_forgets_the_domain_and_keeps_what_is_local() -> None:
    one = session(_machine())
    run("domain-leave", one)
    key = one.registry.key(GROUP_POLICY)
    assert key
    assert {entry.name for entry in key.subkeys()} == {str(SAMPLE_SID.relative(1001))}
    assert one.files.list(r"ProgramData\Microsoft\Group Policy\History") == []
    assert one.files.list(r"Windows\System32\GroupPolicy\DataStore") == []
    assert one.files.read(r"Windows\System32\GroupPolicy\Machine\Registry.pol") == b"local"
    policy = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\System"
    assert one.registry.value(policy, "Scripts") == 1


def test_domain_profiles_and_what_stays_are_said() -> None:
    one = session(_machine())
    run("domain-leave", one)
    profiles = next(note for note in one.notes if note.startswith("Profiles of domain users"))
    assert rf"Users\jdoe ({DOMAIN.relative(1107)})" in profiles
    assert "Alice" not in profiles
    assert any("password policy" in note and "corp.example" in note for note in one.notes)


def test_nothing_else_changes() -> None:
    one = session(_machine())
    allowed = (
        r"^SECURITY\\Policy\\Pol(PrDm[SN]|DnDDN|DnTrN|DnDmG)\\$",
        r"^SECURITY\\Policy\\Secrets\\\$MACHINE\.ACC\\", r"^SECURITY\\Cache\\NL\$1$",
        r"^SAM\\SAM\\Domains\\Builtin\\Aliases\\0000022[01]\\C$",
        rf"^SAM\\SAM\\Domains\\Builtin\\Aliases\\Members\\{DOMAIN}\\",
        r"^SYSTEM\\ControlSet00[12]\\Services\\Tcpip\\Parameters\\(NV )?Domain$",
        r"^SYSTEM\\ControlSet00[12]\\Services\\Netlogon\\(Start|Parameters\\DynamicSiteName)$",
        r"^SYSTEM\\ControlSet00[12]\\Services\\W32Time\\Parameters\\Type$",
        rf"^SOFTWARE\\.*\\Group Policy\\(History|State|DataStore|{DOMAIN}-1107)\\",
    )  # fmt: skip
    changed = run("domain-leave", one)
    for path in changed:
        assert any(re.search(pattern, path) for pattern in allowed), path
    for pattern in allowed:
        assert any(re.search(pattern, path) for path in changed), pattern


def test_running_it_again_changes_nothing() -> None:
    one = session(_machine())
    domain_leave(one)
    count = len(one.changes)
    domain_leave(one)
    assert len(one.changes) == count


def test_members_that_can_not_be_read_are_left_and_said() -> None:
    made = _machine()
    one = session(made)
    value = one.registry.key(rf"{ALIASES}\00000220")
    assert value
    broken = group(0x220, "Administrators", [DOMAIN.relative(512)])[:-4]
    value.set("C", 3, broken)
    domain_leave(one)
    assert one.registry.value(rf"{ALIASES}\00000220", "C") == broken
    assert any("00000220 can't be read" in note for note in one.notes)


@pytest.mark.parametrize("data", [
    b"", bytes(0x33), bytes(0x28) + struct.pack("<3I", 0, 0, 0xFFFFFFFF),
    bytes(0x28) + struct.pack("<3I", 0xFFFFFFFF, 28, 1), bytes(0x28) + struct.pack("<3I", 0, 28, 1),
])  # fmt: skip
def test_a_damaged_group_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedGroupError):
        without_foreign(data, SAMPLE_SID)


@given(st.binary(max_size=200), st.tuples(*[st.integers(0, 300)] * 3))
def test_any_bytes_are_a_group_or_refused(tail: bytes, numbers: tuple[int, int, int]) -> None:
    data = bytes(0x28) + struct.pack("<3I", *numbers) + tail
    try:
        left = without_foreign(data, SAMPLE_SID)
    except DamagedGroupError:
        return
    assert len(left) <= len(data)
    assert without_foreign(left, SAMPLE_SID) == left


def test_windows_own_sids_are_no_domains() -> None:
    kept = [Sid.parse("S-1-5-21-0-0-0-497"), Sid.parse("S-1-5-4"), SAMPLE_SID.relative(500)]
    data = group(0x220, "Administrators", kept)
    assert without_foreign(data, SAMPLE_SID) == data


REAL_SID = Sid.parse("S-1-5-21-4070822719-3404542230-2541167049")


@pytest.mark.corpus
def test_real_member(corpus: Path, tmp_path: Path) -> None:
    """Windows 8.1, joined to internal.greendale.edu: what is left is what a workgroup's has."""
    one = real(corpus, WINDOWS_81_DOMAIN)
    before, after = compare("domain-leave", one)
    workgroup = state(real(corpus, WINDOWS_10_ACCOUNTS))["SECURITY"]
    for name in ("PolPrDmS", "PolPrDmN", "PolDnDDN", "PolDnTrN", "PolDnDmG"):
        default = f"Policy\\{name}\\"
        assert after["SECURITY"][default] == workgroup[default]
    for number in range(1, 11):
        name = rf"Cache\NL${number}"
        assert after["SECURITY"][name] == workgroup[name]
    assert _groups(one)["00000220"] == [str(REAL_SID.relative(500)), str(REAL_SID.relative(1001))]
    raw = b"".join(value[1] for value in after["SAM"].values() if value)
    assert DOMAIN.to_bytes()[8:] not in raw
    for path in difference(before, after):
        assert re.match(
            r"SECURITY\\Policy\\Pol(PrDm[SN]|DnDDN|DnTrN|DnDmG)\\$"
            r"|SECURITY\\Policy\\Secrets\\\$MACHINE\.ACC\\|SECURITY\\Cache\\NL\$[1-4]$"
            r"|SAM\\SAM\\Domains\\Builtin\\Aliases\\(00000220|00000221)\\C$"
            rf"|SAM\\SAM\\Domains\\Builtin\\Aliases\\Members\\{DOMAIN}\\", path), path  # fmt: skip
    judge(one)
    _regripper(one, tmp_path)


def _regripper(one: Session, folder: Path) -> None:
    """RegRipper's own reading of the groups, where it is installed."""
    program = shutil.which("regripper") or shutil.which("rip.pl")
    if program is None:
        return
    tree = one.installation.tree
    assert isinstance(tree, MemoryTree)
    file = folder / "SAM"
    file.write_bytes(tree.read(r"Windows\System32\config\SAM"))
    text = subprocess.run(
        [program, "-r", file, "-p", "samparse"], capture_output=True, check=True, text=True
    ).stdout
    assert "Group Name    : Administrators [2]" in text
    assert "Group Name    : Users [2]" in text
    assert str(DOMAIN) not in text


@pytest.mark.corpus
def test_real_system_of_a_member(corpus: Path) -> None:
    """Windows 7, joined to shieldbase.local: only its SYSTEM is at hand."""
    made = Machine(domain_sid=DOMAIN, domain_name="shieldbase.local")
    one = real(corpus, WINDOWS_7_DOMAIN, made)
    changed = run("domain-leave", one)
    names = (r"Tcpip\Parameters\Domain", r"Tcpip\Parameters\NV Domain", r"Netlogon\Start",
             r"Netlogon\Parameters\DynamicSiteName", r"W32Time\Parameters\Type")  # fmt: skip
    expected = {
        rf"system\controlset00{number}\services\{name}".lower()
        for number in (1, 2) for name in names
    }  # fmt: skip
    expected.remove(r"system\controlset002\services\netlogon\parameters\dynamicsitename")
    assert {path.lower() for path in changed if path.startswith("SYSTEM")} == expected
    judge(one, reader="hivex")


@pytest.mark.corpus
def test_real_machine_without_domain(corpus: Path) -> None:
    one = real(corpus, WINDOWS_10_ACCOUNTS)
    domain_leave(one)
    assert one.changes == []
