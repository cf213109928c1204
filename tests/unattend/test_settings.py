"""Every setting that is applied, and what four other readers of hives find of it afterwards.

The table is checked against the code's own lists: a setting that is applied and not tested fails here.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from reseal.answerfile import Pass, schema
from reseal.regf import Hive, types
from reseal.session import Session
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import Machine
from reseal.unattend import apply as unattend
from reseal.unattend.apply import Request
from reseal.unattend.settings import ROWS as PLACES
from tests import oracles
from tests.answerfile.samples import SHELL, component, document, settings
from tests.answerfile.samples import unattend as answers
from tests.builders import session
from tests.end_to_end.judges import agreed, unexplained
from tests.unattend.test_local_accounts import commit, nt
from tests.windows import sam

PNP = "Microsoft-Windows-PnpSysprep"
SPP = "Microsoft-Windows-Security-SPP"
RDP = "Microsoft-Windows-TerminalServices-LocalSessionManager"
STATION = "Microsoft-Windows-TerminalServices-RDP-WinStationExtensions"
LUA = "Microsoft-Windows-LUA-Settings"

CONTROL = r"SYSTEM:{set}\Control"
TCPIP = r"SYSTEM:{set}\Services\Tcpip\Parameters"
NT = r"Microsoft\Windows NT\CurrentVersion"
OEM = r"SOFTWARE:Microsoft\Windows\CurrentVersion\OEMInformation"
POLICY = r"SOFTWARE:Microsoft\Windows\CurrentVersion\Policies\System"
SPPNP = r"SOFTWARE:Microsoft\Windows\CurrentVersion\Setup\Sysprep\Settings\sppnp"
SKIP = rf"SOFTWARE:{NT}\SoftwareProtectionPlatform"
WINLOGON = rf"SOFTWARE:{NT}\Winlogon"
ZONE = rf"{CONTROL}\TimeZoneInformation"

#: As a real hive of Windows 10 keeps Eastern Standard Time: the words are year, month, day, hour,
#: minute, second, milliseconds and day of the week.
NOVEMBER = struct.pack("<8H", 0, 11, 1, 2, 0, 0, 0, 0)
MARCH = struct.pack("<8H", 0, 3, 2, 2, 0, 0, 0, 0)
#: How SOFTWARE describes the same zone: year, month, day of the week, day, hour.
EASTERN = struct.pack("<3i", 300, 0, -60)
EASTERN += struct.pack("<8H", 0, 11, 0, 1, 2, 0, 0, 0) + struct.pack("<8H", 0, 3, 0, 2, 2, 0, 0, 0)
#: Since its weekdays are not Sunday, a mix-up of the fields shows: Jordan in 2021, whose winter
#: began at 01:00 of the last Friday of October.
JORDAN = struct.pack("<3i", -120, 0, -60)
JORDAN += struct.pack("<8H", 0, 10, 5, 5, 1, 0, 0, 0) + struct.pack("<8H", 0, 3, 5, 5, 0, 0, 0, 0)


def described(tzi: bytes, number: int) -> dict[str, object]:
    return {
        "TZI": (types.REG_BINARY, tzi),
        "MUI_Dlt": f"@tzres.dll,-{number}",
        "MUI_Std": f"@tzres.dll,-{number + 1}",
    }


ZONES = {
    "Eastern Standard Time": described(EASTERN, 111),
    "Jordan Standard Time": described(JORDAN, 331),
    "Broken Standard Time": {"TZI": (types.REG_BINARY, b"short")},
}
MACHINE = Machine(
    control_sets=(1, 2),
    software={"Microsoft": {"Windows NT": {"CurrentVersion": {"Time Zones": ZONES}}}},
)

Expected = dict[tuple[str, str], str | int | bytes]
#: Component and setting: its text in the answer file, and where which data is found afterwards.
TABLE: dict[tuple[str, str], tuple[str, Expected]] = {
    (SHELL, "ComputerName"): (
        "Pc-1",
        {
            (rf"{CONTROL}\ComputerName\ComputerName", "ComputerName"): "PC-1",
            (TCPIP, "Hostname"): "Pc-1",
            (TCPIP, "NV Hostname"): "Pc-1",
            (r"SYSTEM:Setup\DJOIN", "DismComputerNameSet"): 1,
        },
    ),
    (SHELL, "RegisteredOwner"): (
        "Ünsal",
        {
            (f"SOFTWARE:{NT}", "RegisteredOwner"): "Ünsal",
            (rf"SOFTWARE:WOW6432Node\{NT}", "RegisteredOwner"): "Ünsal",
        },
    ),
    (SHELL, "RegisteredOrganization"): (
        "A &amp; B",
        {
            (f"SOFTWARE:{NT}", "RegisteredOrganization"): "A & B",
            (rf"SOFTWARE:WOW6432Node\{NT}", "RegisteredOrganization"): "A & B",
        },
    ),
    (SHELL, "OEMInformation/Manufacturer"): ("Fab", {(OEM, "Manufacturer"): "Fab"}),
    (SHELL, "OEMInformation/Model"): ("M 1", {(OEM, "Model"): "M 1"}),
    (SHELL, "OEMInformation/Logo"): (
        r"C:\Windows\logo.bmp",
        {(OEM, "Logo"): r"C:\Windows\logo.bmp"},
    ),
    (SHELL, "OEMInformation/SupportHours"): ("9 to 5", {(OEM, "SupportHours"): "9 to 5"}),
    (SHELL, "OEMInformation/SupportPhone"): ("555", {(OEM, "SupportPhone"): "555"}),
    (SHELL, "OEMInformation/SupportURL"): (
        "http://example.com/",
        {(OEM, "SupportURL"): "http://example.com/"},
    ),
    (LUA, "EnableLUA"): ("false", {(POLICY, "EnableLUA"): 0}),
    (RDP, "fDenyTSConnections"): (
        "false",
        {(rf"{CONTROL}\Terminal Server", "fDenyTSConnections"): 0},
    ),
    (STATION, "UserAuthentication"): (
        "1",
        {(rf"{CONTROL}\Terminal Server\WinStations\RDP-Tcp", "UserAuthentication"): 1},
    ),
    (STATION, "SecurityLayer"): (
        "2",
        {(rf"{CONTROL}\Terminal Server\WinStations\RDP-Tcp", "SecurityLayer"): 2},
    ),
    (PNP, "PersistAllDeviceInstalls"): ("true", {(SPPNP, "PersistAllDeviceInstalls"): 1}),
    (PNP, "DoNotCleanUpNonPresentDevices"): (
        "true",
        {(SPPNP, "DoNotCleanUpNonPresentDevices"): 1},
    ),
    (SPP, "SkipRearm"): ("1", {(SKIP, "SkipRearm"): 1}),
    (SHELL, "TimeZone"): (
        "eastern standard time",
        {
            (ZONE, "TimeZoneKeyName"): "Eastern Standard Time",
            (ZONE, "Bias"): 300,
            (ZONE, "ActiveTimeBias"): 300,
            (ZONE, "StandardBias"): 0,
            (ZONE, "DaylightBias"): 0xFFFFFFC4,
            (ZONE, "StandardStart"): NOVEMBER,
            (ZONE, "DaylightStart"): MARCH,
            (ZONE, "StandardName"): "@tzres.dll,-112",
            (ZONE, "DaylightName"): "@tzres.dll,-111",
            (ZONE, "DynamicDaylightTimeDisabled"): 0,
        },
    ),
    (SHELL, "AutoLogon/Enabled"): ("true", {(WINLOGON, "AutoAdminLogon"): "1"}),
    (SHELL, "AutoLogon/Username"): ("packer", {(WINLOGON, "DefaultUserName"): "packer"}),
    (SHELL, "AutoLogon/Domain"): ("corp", {(WINLOGON, "DefaultDomainName"): "corp"}),
    (SHELL, "AutoLogon/LogonCount"): ("2", {(WINLOGON, "AutoLogonCount"): 3}),
    (SHELL, "AutoLogon/Password/Value"): (
        "Tr0ub4dor&amp;3",
        {(WINLOGON, "DefaultPassword"): "Tr0ub4dor&3"},
    ),
    (SHELL, "AutoLogon/Password/PlainText"): ("true", {}),
}
APPLIED_IN = (Pass.OFFLINE_SERVICING, Pass.GENERALIZE, Pass.SPECIALIZE)


def passes_of(component_name: str, path: str) -> list[Pass]:
    """The passes in which a setting is documented, of those that are applied to a lying image."""
    known = schema.load().find(component_name)
    setting = known.find(path) if known else None
    assert setting, (component_name, path)
    return [one for one in APPLIED_IN if one.value in setting.passes]


ROWS = [(name, path, one) for name, path in TABLE for one in passes_of(name, path)]


def body_of(pairs: list[tuple[str, str]]) -> str:
    """Nested elements from paths and texts, in their order."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for path, text in pairs:
        name, _, rest = path.partition("/")
        groups.setdefault(name, []).append((rest, text))
    return "".join(
        f"<{name}>{inside[0][1] if inside[0][0] == '' else body_of(inside)}</{name}>"
        for name, inside in groups.items()
    )


def file_for(name: Pass) -> str:
    """An answer file with every setting of the table that the pass has."""
    rows = [(one, path) for one, path, pass_ in ROWS if pass_ is name]
    parts = [
        component(one, body_of([(path, TABLE[one, path][0]) for two, path in rows if two == one]))
        for one in dict.fromkeys(one for one, _ in rows)
    ]
    return answers(settings(name.value, *parts))


def hives(image: Session) -> dict[str, oracles.Tree]:
    """SYSTEM and SOFTWARE as hivex, dissect, regipy and python-registry read them, who agree."""
    image.verify()
    image.commit(image.installation.tree)
    folder = r"Windows\System32\config"
    return {
        name: agreed(image.installation.tree.read(rf"{folder}\{name}"))
        for name in ("SYSTEM", "SOFTWARE")
    }


@pytest.fixture(scope="module")
def applied() -> dict[Pass, tuple[dict[str, oracles.Tree], unattend.Outcome]]:
    """One image for each pass, with all its settings applied."""
    found = {}
    for name in APPLIED_IN:
        image = session(MACHINE)
        request = Request(document(file_for(name)), now=True)
        if name is Pass.GENERALIZE:
            outcome = generalize(image, answers=request).unattend
            assert outcome
        else:
            outcome = unattend.apply(image, request)
        found[name] = hives(image), outcome
    return found


def encoded(data: str | int | bytes) -> tuple[int, bytes]:
    kind = {str: types.REG_SZ, int: types.REG_DWORD, bytes: types.REG_BINARY}[type(data)]
    return kind, types.encode(kind, data)


@pytest.mark.parametrize(("name", "path", "pass_"), ROWS)
def test_the_value_is_there(
    applied: dict[Pass, tuple[dict[str, oracles.Tree], unattend.Outcome]],
    name: str,
    path: str,
    pass_: Pass,
) -> None:
    trees, outcome = applied[pass_]
    record = {"configuration_pass": pass_.value, "component": name, "setting": path}
    assert record in outcome.applied
    for (place, value), data in TABLE[name, path][1].items():
        hive, _, key = place.partition(":")
        for number in ("ControlSet001", "ControlSet002"):
            assert trees[hive][key.format(set=number)][value] == encoded(data)


def test_no_setting_that_is_applied_is_missing_from_the_table() -> None:
    rows = [row for row in PLACES if row.to.startswith("HKLM")]
    shell = schema.load().find(SHELL)
    assert shell
    logon = {
        path
        for path, one in shell.settings.items()
        if path.startswith("AutoLogon/") and not one.is_container
    }
    own = {(row.component, row.path) for row in rows} - {(SHELL, "AutoLogon")}
    assert set(TABLE) == own | {(SHELL, path) for path in logon}
    for place in rows:
        hive, _, key = place.to.removeprefix("HKLM\\").partition("\\")
        key = key.replace("CurrentControlSet", "{set}")
        found = [
            written
            for (name, path), (_, values) in TABLE.items()
            if name == place.component and f"{path}/".startswith(f"{place.path}/")
            for written in values
        ]
        if place.name:
            assert (f"{hive}:{key}", place.name) in found
        else:
            assert {written for written, _ in found} == {f"{hive}:{key}"}


def test_nothing_of_it_is_left_over(
    applied: dict[Pass, tuple[dict[str, oracles.Tree], unattend.Outcome]],
) -> None:
    for _, outcome in applied.values():
        assert outcome.not_applied == outcome.left_to_windows == []


# Time zones


def test_the_days_of_the_week_find_their_place() -> None:
    image = session(MACHINE)
    text = answers(
        settings("specialize", component(SHELL, "<TimeZone>Jordan Standard Time</TimeZone>"))
    )
    unattend.apply(image, Request(document(text), now=True))
    zone = hives(image)["SYSTEM"][r"ControlSet001\Control\TimeZoneInformation"]
    assert zone["StandardStart"] == encoded(struct.pack("<8H", 0, 10, 5, 1, 0, 0, 0, 5))
    assert zone["DaylightStart"] == encoded(struct.pack("<8H", 0, 3, 5, 0, 0, 0, 0, 5))
    assert zone["Bias"] == (types.REG_DWORD, struct.pack("<i", -120))


def test_on_a_real_system_hive_nothing_else_changes(corpus: Path) -> None:
    """A dirty hive of Windows 10 with its logs; hivex compares all of it before and after."""
    folder = corpus / "machines" / "win10-1709"
    files = {
        name: (folder / name).read_bytes() for name in ("SYSTEM", "SYSTEM.LOG1", "SYSTEM.LOG2")
    }
    logs = {name[-4:]: data for name, data in files.items() if "LOG" in name}
    image = session(
        replace(MACHINE, files={"Windows": {"System32": {"config": files}}}),
    )
    outcome = unattend.apply(image, Request(document(file_for(Pass.SPECIALIZE)), now=True))
    assert outcome.left_to_windows == []
    image.verify()
    image.commit(image.installation.tree)
    before = oracles.hivex(Hive.open(files["SYSTEM"], logs).to_bytes())
    after = oracles.hivex(image.installation.tree.read(r"Windows\System32\config\SYSTEM"))
    changes = [one.to_json() for one in image.changes]
    assert unexplained(before, after, changes, "SYSTEM") == set()
    for name, path, pass_ in ROWS:
        for (place, value), data in TABLE[name, path][1].items():
            hive, _, key = place.partition(":")
            if pass_ is Pass.SPECIALIZE and hive == "SYSTEM":
                assert after[key.format(set="ControlSet001")][value] == encoded(data)
    # That machine was in this time zone: Windows had written the same, in a summer.
    zone = r"ControlSet001\Control\TimeZoneInformation"
    assert set(after[zone]) == set(before[zone])
    different = {name for name in after[zone] if after[zone][name] != before[zone][name]}
    assert different == {"ActiveTimeBias"}


@pytest.mark.parametrize(
    ("zone", "reason"),
    [
        ("Eastern Standard Time_dstoff", "without daylight saving time"),
        ("Atlantis Standard Time", "has no time zone"),
        ("Broken Standard Time", "is damaged"),
    ],
)
def test_a_time_zone_that_can_t_be_written_is_left_to_windows(zone: str, reason: str) -> None:
    image = session(MACHINE)
    text = answers(settings("specialize", component(SHELL, f"<TimeZone>{zone}</TimeZone>")))
    outcome = unattend.apply(image, Request(document(text), now=True, force=True))
    (late,) = outcome.left_to_windows
    assert reason in late.reason
    assert not [one for one in image.changes if "TimeZone" in one.target]


# The automatic logon

HIDDEN = "VAByADAAdQBiADQAZABvAHIAUABhAHMAcwB3AG8AcgBkAA=="


def logon(body: str) -> str:
    return answers(settings("specialize", component(SHELL, f"<AutoLogon>{body}</AutoLogon>")))


def test_a_hidden_password_and_an_old_one_are_in_no_record() -> None:
    old = {"Winlogon": {"DefaultPassword": "Gamma-Ray-9"}}
    image = session(Machine(software={"Microsoft": {"Windows NT": {"CurrentVersion": old}}}))
    text = logon(
        f"<Enabled>true</Enabled><Username>u</Username><LogonCount>0</LogonCount><Password><Value>"
        f"{HIDDEN}</Value><PlainText>false</PlainText></Password>"
    )
    outcome = generalize(image, answers=Request(document(text), now=True)).unattend
    assert outcome
    shown = str([one.to_json() for one in image.changes]) + str(outcome.to_json())
    assert "'(hidden)'" in shown
    assert not [secret for secret in ("Tr0ub4dor", "Gamma-Ray", HIDDEN) if secret in shown]
    winlogon = hives(image)["SOFTWARE"][rf"{NT}\Winlogon"]
    assert winlogon["DefaultPassword"] == encoded("Tr0ub4dor")
    assert winlogon["AutoLogonCount"] == encoded(0)
    log = image.files.read(r"Windows\System32\Sysprep\Panther\setupact.log")
    assert b"DefaultPassword" in log
    assert b"Tr0ub4dor" not in log


def test_no_automatic_logon() -> None:
    image = session()
    text = logon("<Enabled>false</Enabled><Username>u</Username><LogonCount>1</LogonCount>")
    outcome = unattend.apply(image, Request(document(text), now=True))
    before = hives(session())["SOFTWARE"][rf"{NT}\Winlogon"]
    winlogon = hives(image)["SOFTWARE"][rf"{NT}\Winlogon"]
    assert winlogon == before | {"AutoAdminLogon": encoded("0")}
    assert [one.setting for one in outcome.left_to_windows] == [
        "AutoLogon/Username",
        "AutoLogon/LogonCount",
    ]


# OfflineUserAccounts: impacket reads SAM

ACCOUNTS = {
    "OfflineUserAccounts/OfflineAdministratorPassword/Value": "Geheim-1",
    "OfflineUserAccounts/OfflineAdministratorPassword/PlainText": "true",
    "OfflineUserAccounts/OfflineLocalAccounts/LocalAccount/Name": "packer",
    "OfflineUserAccounts/OfflineLocalAccounts/LocalAccount/DisplayName": "Päcker the Builder",
    "OfflineUserAccounts/OfflineLocalAccounts/LocalAccount/Description": "builds images",
    "OfflineUserAccounts/OfflineLocalAccounts/LocalAccount/Group": "Administrators",
    "OfflineUserAccounts/OfflineLocalAccounts/LocalAccount/Password/Value": "Geheim-2",
    "OfflineUserAccounts/OfflineLocalAccounts/LocalAccount/Password/PlainText": "true",
    "OfflineUserAccounts/OfflineDomainAccounts/OfflineDomainAccount/SID": "S-1-5-21-1-2-3-1105",
    "OfflineUserAccounts/OfflineDomainAccounts/OfflineDomainAccount/Group": "Users",
}


def test_every_setting_of_accounts(corpus: Path, tmp_path: Path) -> None:
    from impacket.examples.secretsdump import BUILTIN_GROUP_C, USER_ACCOUNT_V

    image = sam.image(corpus, "win10-21h1")
    text = answers(
        settings("offlineServicing", component(SHELL, body_of(list(ACCOUNTS.items()))))
    ).replace("<LocalAccount>", '<LocalAccount wcm:action="add">')
    text = text.replace("<OfflineDomainAccount>", '<OfflineDomainAccount wcm:action="add">')
    outcome = unattend.apply(image, Request(document(text)))
    assert {one["setting"] for one in outcome.applied} == set(ACCOUNTS)

    found = commit(image, tmp_path)
    assert found["Administrator"][2] == nt("Geheim-1")
    assert found["packer"][0::2] == (1002, nt("Geheim-2"))
    tree = oracles.hivex(image.installation.tree.read(r"Windows\System32\config\SAM"))
    user = USER_ACCOUNT_V(tree[r"SAM\Domains\Account\Users\000003EA"]["V"][1])

    def of_user(field: str) -> str:
        start = user[f"{field}Offset"]
        data: bytes = user["Data"][start : start + user[f"{field}Length"]]
        return data.decode("utf-16-le")

    assert of_user("Name") == "packer"
    assert of_user("FullName") == "Päcker the Builder"
    assert of_user("Comment") == "builds images"
    for alias, member in (("00000220", 1002), ("00000221", 1105)):
        group = BUILTIN_GROUP_C(tree[rf"SAM\Domains\Builtin\Aliases\{alias}"]["C"][1])
        assert group["Data"].endswith(struct.pack("<I", member))


def test_no_setting_of_accounts_is_missing() -> None:
    shell = schema.load().find(SHELL)
    assert shell
    own = {
        path
        for path, one in shell.settings.items()
        if path.startswith("OfflineUserAccounts/") and not one.is_container
    }
    assert set(ACCOUNTS) == own
    rows = [f"{row.path}/" for row in PLACES if row.component == SHELL]
    assert all(any(f"{path}/".startswith(row) for row in rows) for path in ACCOUNTS)
