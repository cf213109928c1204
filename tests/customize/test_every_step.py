"""Every step, on the sample and on a machine of real hives; other people's readers tell what came of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reseal.customize import STEPS
from reseal.testing.drivers import driver_package
from tests.customize import machines
from tests.customize.machines import MARK, PROFILE_TEXT, USER, USER_SID, Judged
from tests.end_to_end.judges import reseal
from tests.ntfs import judges
from tests.unattend.test_local_accounts import nt

pytestmark = pytest.mark.corpus
WINLOGON = r"Microsoft\Windows NT\CurrentVersion\Winlogon"
ZONE = r"ControlSet001\Control\TimeZoneInformation"
POLICY = r"Software\Microsoft\Windows\CurrentVersion\Policies\System"
OEM = r"Microsoft\Windows\CurrentVersion\OEMInformation"

PASSWORD = "Tr0ub4dor&3 ä€"
BUILTIN_ADMINISTRATORS = "S-1-5-32-544"
SCRIPTS = r"Windows\Setup\Scripts"
DEFAULT = r"Users\Default\NTUSER.DAT"
#: The class of disks, which gets a filter driver that a later step removes.
DISKS = r"ControlSet001\Control\Class\{4d36e967-e325-11ce-bfc1-08002be10318}"
FILTER = "acmeflt\0\0".encode("utf-16-le")
REG = "\r\n".join((
    "Windows Registry Editor Version 5.00", "",
    r"[HKEY_LOCAL_MACHINE\SOFTWARE\Vendor\Reg]", '"A"=dword:0000002a', '"B"=hex(7):61,00,00,00,00,00', "",
    r"[HKEY_USERS\Default\Software\Vendor]", '@="everybody"', "",
    r"[HKEY_USERS\*\Software\Vendor]", '"Who"="you"', "",
    r"[-HKEY_LOCAL_MACHINE\SOFTWARE\Doomed]", "",
    rf"[HKEY_LOCAL_MACHINE\SYSTEM\{DISKS}]", f'"LowerFilters"=hex(7):{FILTER.hex(",")}', "",
))  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A step as it is given, and what has to be true in the end."""

    step: str
    arguments: list[str]
    check: Callable[[Judged], bool]


def _flags(image: Judged, rid: int) -> int:
    fixed = image.machine("SAM", rf"SAM\Domains\Account\Users\{rid:08X}")
    assert fixed
    return int.from_bytes(fixed["F"][1][56:60], "little")


def _answers(image: Judged) -> bytes:
    """The answer file, which xmllint finds well-formed."""
    data = image.read(r"Windows\System32\Sysprep\unattend.xml")
    checked = subprocess.run(
        ["xmllint", "--noout", "-"], input=data, check=False, capture_output=True
    )
    assert checked.returncode == 0, checked.stderr
    return data


def _active(image: Judged, group: str) -> set[str]:
    """Whether the rules of a group are active, as the registry has them."""
    path = r"ControlSet001\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
    rules = [data.decode("utf-16-le") for _, data in (image.machine("SYSTEM", path) or {}).values()]
    return {
        part
        for rule in rules if f"EmbedCtxt=@FirewallAPI.dll,{group}|" in rule
        for part in rule.split("|") if part.startswith("Active=")
    }  # fmt: skip


def _profile_is_clean(image: Judged) -> bool:
    data = image.read(DEFAULT)
    sid = USER_SID.to_bytes()[8:]
    texts = (USER, str(USER_SID)[2:])
    named = [one for one in texts for code in ("utf-16-le", "latin-1") if one.encode(code) in data]
    control = image.key(DEFAULT, r"Control Panel\Desktop") or {}
    kept = "Mark" not in control or MARK in control["Mark"][1].decode("utf-16-le")
    return not named and sid not in data and kept and bool(control)


INTERFACE = rf"ControlSet001\Services\Tcpip\Parameters\Interfaces\{machines.ADAPTER}"
ADAPTER_KEY = rf"ControlSet001\Control\Class\{machines.ADAPTERS}\0001"
TIME = b"\0\0" + bytes([10, 0, 5, 0, 3, 0]) + bytes(8)
ROWS = [
    Row("copy-in", ["agent:/Install/"], lambda i: i.read(r"Install\agent\deep\a.bin") == bytes(5000)),
    Row("mkdir", [r"C:\Empty\Inner"], lambda i: i.names("Empty") == {"Inner"}),
    Row("write", ["/Install/note.txt:one\nthree"], lambda i: i.read(r"Moved\note.txt") == b"one\ntwo"),
    Row("edit", [r"C:\Install\note.txt:s/three/two/"], lambda i: b"two" in i.read(r"Moved\note.txt")),
    Row("move", [r"\Install\note.txt:/Moved/"], lambda i: not i.has(r"Install\note.txt")),
    Row("delete", [r"C:\Install\agent\*.tmp"], lambda i: i.names(r"Install\agent") == {"deep"}),
    Row("owner", ["/Moved/note.txt:SYSTEM"], lambda i: i.sids(r"Moved\note.txt")[0] == "S-1-5-18"),
    Row("sddl", ["/Moved:O:BAG:SYD:P(A;OICI;FA;;;BA)"],
        lambda i: i.sids("Moved") == (BUILTIN_ADMINISTRATORS, [BUILTIN_ADMINISTRATORS])),
    Row("copy-out", ["/Moved:out"],
        lambda i: (i.folder.parent / "out" / "note.txt").read_bytes() == b"one\ntwo"),
    Row("reg", ["a.reg"],
        lambda i: i.number("SOFTWARE", r"Vendor\Reg", "A") == 42
        and i.machine("SOFTWARE", "Doomed") is None
        and "Who" in (i.key(r"Users\Administrator\NTUSER.DAT", r"Software\Vendor") or {})),
    Row("reg-set", [r"HKLM\SOFTWARE\Vendor\Set", "List", "REG_MULTI_SZ", r"a\0b"],
        lambda i: (i.machine("SOFTWARE", r"Vendor\Set") or {})["List"][1] == "a\0b\0\0".encode("utf-16-le")),
    Row("reg-delete", [r"HKLM\SOFTWARE\Vendor\Reg\\B"],
        lambda i: set(i.machine("SOFTWARE", r"Vendor\Reg") or {}) == {"A"}),
    Row("firstboot", ["one.ps1"],
        lambda i: i.read(rf"{SCRIPTS}\reseal\nextboot.d\0001-one.ps1") == b"echo 1\n"
        and i.service("reseal-firstboot", "Start") == 2
        and b"sc.exe delete reseal-firstboot" in i.read(rf"{SCRIPTS}\reseal\nextboot.cmd")),
    Row("firstboot-command", ["net start sshd"],
        lambda i: i.read(rf"{SCRIPTS}\reseal\nextboot.d\0002-command.cmd")
        .endswith(b"\r\nnet start sshd\r\n")),
    Row("first-logon", ["two.cmd"],
        lambda i: i.read(rf"{SCRIPTS}\reseal\firstlogon.d\0001-two.cmd") == b"echo 2\r\n"
        and _answers(i).count(b"firstlogon.cmd") == 1),
    Row("first-logon-command", ["echo ü"],
        lambda i: "echo ü".encode() in i.read(rf"{SCRIPTS}\reseal\firstlogon.d\0002-command.cmd")),
    Row("enable-user", ["Administrator"], lambda i: not _flags(i, 500) & 1),
    Row("password", ["Administrator:file:secret"], lambda i: i.accounts["Administrator"][2] == nt(PASSWORD)),
    Row("disable-user", [USER], lambda i: bool(_flags(i, 1001) & 1)),
    Row("autologon-off", [],
        lambda i: i.text("SOFTWARE", WINLOGON, "AutoAdminLogon") == "0"
        and "DefaultPassword" not in (i.machine("SOFTWARE", WINLOGON) or {})),
    Row("timezone", ["W. Europe Standard Time"],
        lambda i: i.number("SYSTEM", ZONE, "Bias") == (1 << 32) - 60
        and (i.machine("SYSTEM", ZONE) or {})["StandardStart"][1] == TIME),
    Row("locale", ["de-DE"],
        lambda i: _answers(i).count(b"<UserLocale>de-DE<") == 2 and b"<UILanguage>en-US<" in _answers(i)),
    Row("service", ["wuauserv:disabled"], lambda i: i.service("wuauserv", "Start") == 4),
    Row("enable-rdp", [],
        lambda i: i.number("SYSTEM", r"ControlSet001\Control\Terminal Server", "fDenyTSConnections") == 0
        and _active(i, "-28752") == {"Active=TRUE"}),
    Row("enable-winrm", [],
        lambda i: i.service("WinRM", "Start") == 2 and _active(i, "-30267") == {"Active=TRUE"}),
    Row("default-profile-from", [USER], _profile_is_clean),
    Row("reset-addresses", [],
        lambda i: i.number("SYSTEM", INTERFACE, "EnableDHCP") in {1, None}
        and "IPAddress" not in (i.machine("SYSTEM", INTERFACE) or {})
        and "NetworkAddress" not in (i.machine("SYSTEM", ADAPTER_KEY) or {})),
    Row("drop-cached-unattend", [], lambda i: not i.has(r"Windows\Panther\unattend.xml")),
    Row("remove-filter", ["acmeflt"],
        lambda i: "LowerFilters" not in (i.machine("SYSTEM", DISKS) or {"LowerFilters": (0, b"")})),
    Row("oem-information", ["Manufacturer:Example Corp"],
        lambda i: i.text("SOFTWARE", OEM, "Manufacturer") == "Example Corp"),
    Row("wallpaper", ["w.png"],
        lambda i: i.read(r"Windows\Web\reseal\w.png") == b"PNG"
        and "Wallpaper" in (i.key(DEFAULT, POLICY) or {})),
    Row("lock-screen", ["w.png"],
        lambda i: i.text("SOFTWARE", r"Policies\Microsoft\Windows\Personalization", "LockScreenImage")
        == r"C:\Windows\Web\reseal\w.png"),
]  # fmt: skip
ROWS.append(
    Row(
        "drivers",
        ["virtio"],
        lambda i: b"viostor" in i.read(r"Windows\Drivers\reseal\viostor\viostor.inf"),
    )
)
#: Steps that undo what others need, or that concern the whole image; they have tests of their own.
ELSEWHERE = {"remove-user", "wipe-free", "shrink"}


def host(folder: Path) -> None:
    """What the steps take from this machine."""
    deep = folder / "agent" / "deep"
    deep.mkdir(parents=True)
    (deep / "a.bin").write_bytes(bytes(5000))
    (folder / "agent" / "x.tmp").write_bytes(b"x")
    (folder / "a.reg").write_bytes(b"\xff\xfe" + REG.encode("utf-16-le"))
    (folder / "one.ps1").write_bytes(b"echo 1\n")
    (folder / "two.cmd").write_bytes(b"echo 2\n")
    (folder / "w.png").write_bytes(b"PNG")
    driver_package(folder / "virtio" / "viostor", "viostor")
    (folder / "secret").write_text(f"{PASSWORD}\n", encoding="utf-8")


def options(rows: list[Row]) -> list[str]:
    """The rows as options."""
    return [word for row in rows for word in (f"--{row.step}", *row.arguments)]


@pytest.fixture(scope="module", params=["sample", "real"])
def done(
    request: pytest.FixtureRequest, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """An image on which every step was done in one run, and the record of that run and of a dry one."""
    folder = tmp_path_factory.mktemp(request.param)
    image = folder / "image.qcow2"
    getattr(machines, request.param)(corpus, image)
    host(folder)
    records = []
    for more in (["--dry-run"], []):
        ran = reseal("customize", image, "--json", "--quiet", *more, *options(ROWS), cwd=folder)
        assert ran.returncode == 0, ran.stderr
        assert PASSWORD not in ran.stdout + ran.stderr
        records.append(json.loads(ran.stdout))
    yield Judged.of(image, folder / "judged"), records
    shutil.rmtree(folder)


def test_every_step_has_a_row() -> None:
    assert {row.step for row in ROWS} | ELSEWHERE >= set(STEPS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.step)
def test_a_step(done: tuple[Judged, Any], row: Row) -> None:
    assert row.check(done[0])


def test_a_dry_run_lists_what_the_real_run_does(done: tuple[Judged, Any]) -> None:
    dry, real = done[1]
    assert dry["written"] is None
    whole, named = [
        [
            one if one["provider"] != "password" else (one["provider"], one["kind"], one["target"])
            for one in record["changes"]
        ]
        for record in (dry, real)
    ]  # a password is stored with the time and with salt
    assert whole == named
    assert dry["notes"] == real["notes"]
    order = list(dict.fromkeys(one["provider"] for one in real["changes"]))
    wanted = [row.step for row in ROWS if row.step in order]
    assert [one for one in order if one in wanted] == wanted


def test_the_volume_is_sound(done: tuple[Judged, Any]) -> None:
    judges.judge(done[0].volume.path)
    assert done[0].read(rf"Users\{USER}\Desktop\small.txt") == PROFILE_TEXT[:90]
