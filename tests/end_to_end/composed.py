r"""Machines put together from real hives by other people's tools.

No set of the corpus is a whole machine. Each of these has real hives of one machine where the corpus has
them, and what lacks from others; the rest is made:

| machine | SYSTEM | SAM, SECURITY | profiles | DEFAULT, BBI |
|---|---|---|---|---|
| 10 | 1709, dirty | 21H1, dirty | 21H1, dirty, with UsrClass.dat | 21H1, dirty |
| 8.1, member of a domain | 1709, dirty | 8.1 | 8.1, with UsrClass.dat | DEFAULT of 21H1, dirty |
| 7, x86 | 7 SP1, member of a domain | 8.1 | 8.1 | DEFAULT of 21H1, dirty |

SOFTWARE is the one of libguestfs, to which hivexsh adds the version, ProfileList, MachineGuid and the
setup state. sfdisk makes the disk, mkntfs the volume, wimlib-imagex puts the files into it.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from reseal.testing.machine import Machine, action_file
from reseal.windows import Sid

SIZE = 192 << 20
_START = 1 << 20
#: What a Windows in use has beside its hives.
_PROGRAMS = (
    "System32/setupcl.exe",
    "System32/ntoskrnl.exe",
    *(f"System32/oobe/{name}.exe" for name in ("windeploy", "Setup", "oobeldr", "audit", "msoobe")),
    "System32/Sysprep/sysprep.exe",
    "explorer.exe",
)


@dataclass(frozen=True)
class Composed:
    """What a composed machine is, and where its hives come from.

    Attributes:
        product: ProductName.
        build: its build number, and `version` the version that goes with it.
        system, accounts: folders of the corpus' machines with SYSTEM, and with SAM and SECURITY.
        users: path of a profile's folder in the corpus to its name in the image and the SID in its hives.
        computer_name: what its SYSTEM hive says.
        sid: what its SAM hive says.
        more: further hives: path in the image to path in the corpus.
    """

    product: str
    build: int
    version: str
    system: str
    accounts: str
    users: dict[str, tuple[str, Sid]]
    computer_name: str
    sid: Sid
    more: dict[str, str] = field(default_factory=dict)


_DEFAULT = {"Windows/System32/config/DEFAULT": "win10-21h1/DEFAULT"}
_PC = Sid.parse("S-1-5-21-2290304894-658537038-505560459")
_GREENDALE = Sid.parse("S-1-5-21-4070822719-3404542230-2541167049")
#: Their profile is that of an account of the domain.
_STUDENT = {
    "win81-domain-joined": ("Student", Sid.parse("S-1-5-21-226059406-2984137831-1201299043-1107"))
}
MACHINES = {
    "10": Composed(
        "Windows 10 Pro", 19043, "6.3", "win10-1709", "win10-21h1",
        {"win10-21h1/Users/AndrewRathbun": ("AndrewRathbun", _PC.relative(1001))},
        "DESKTOP-PM6C56D", _PC,
        _DEFAULT | {
            "Windows/System32/config/BBI": "win10-21h1/BBI",
            **{f"Windows/ServiceProfiles/{name}/NTUSER.DAT":
               f"win10-21h1/ServiceProfiles/{name}/NTUSER.DAT"
               for name in ("LocalService", "NetworkService")},
            "Users/Default/NTUSER.DAT": "win10-21h1/Users/Default/NTUSER.DAT",
        },
    ),
    "8.1 in a domain": Composed(
        "Windows 8.1 Enterprise", 9600, "6.3", "win10-1709", "win81-domain-joined",
        _STUDENT,
        "DESKTOP-PM6C56D", _GREENDALE, _DEFAULT,
    ),
    "7 x86": Composed(
        "Windows 7 Enterprise", 7601, "6.1", "win7sp1-x86-domain-joined", "win81-domain-joined",
        _STUDENT,
        "WKS-WIN732BITA", _GREENDALE, _DEFAULT,
    ),
}  # fmt: skip


def build(corpus: Path, name: str, path: Path) -> Composed:
    """Make the image of a machine of `MACHINES`, raw or qcow2 by the path's suffix."""
    made = MACHINES[name]
    work = path.parent / f"{path.stem}.work"
    tree = work / "tree"
    _hives(corpus / "machines", made, tree)
    _software(corpus / "hives" / "libguestfs-windows-software", made, tree)
    for program in _PROGRAMS:
        place = tree / "Windows" / program
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"MZ")
    plan = tree / "Windows/System32/Sysprep/ActionFiles/Generalize.xml"
    plan.parent.mkdir(parents=True)
    plan.write_bytes(action_file(made.build))
    state = tree / "Windows/Setup/State/State.ini"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n")
    _disk(tree, work, path)
    shutil.rmtree(work)
    return made


def _hives(machines: Path, made: Composed, tree: Path) -> None:
    config = "Windows/System32/config"
    wanted = {f"{config}/SYSTEM": f"{made.system}/SYSTEM"}
    wanted |= {f"{config}/{name}": f"{made.accounts}/{name}" for name in ("SAM", "SECURITY")}
    for source, (user, _) in made.users.items():
        wanted[f"Users/{user}/NTUSER.DAT"] = f"{source}/NTUSER.DAT"
        wanted[f"Users/{user}/AppData/Local/Microsoft/Windows/UsrClass.dat"] = (
            f"{source}/UsrClass.dat"
        )
    for place, source in (wanted | made.more).items():
        target = tree / place
        target.parent.mkdir(parents=True, exist_ok=True)
        for suffix in ("", ".LOG", ".LOG1", ".LOG2"):
            file = machines / f"{source}{suffix}"
            if file.exists():
                shutil.copyfile(file, f"{target}{suffix}")
                Path(f"{target}{suffix}").chmod(0o644)


def _software(plain: Path, made: Composed, tree: Path) -> None:
    """Let hivexsh add what a machine's SOFTWARE has to a hive of libguestfs."""
    target = tree / "Windows/System32/config/SOFTWARE"
    shutil.copyfile(plain, target)
    target.chmod(0o644)
    current = r"\Microsoft\Windows NT\CurrentVersion"
    version = {
        "ProductName": made.product, "CurrentVersion": made.version, "EditionID": "Professional",
        "InstallationType": "Client", "SystemRoot": r"C:\Windows",
        "CurrentBuild": str(made.build), "CurrentBuildNumber": str(made.build),
    }  # fmt: skip
    script = [f"cd {current}", *_values({name: f"string:{text}" for name, text in version.items()})]
    script += ["add ProfileList"]
    profiles = {"S-1-5-18": (r"%systemroot%\system32\config\systemprofile", b"")}
    for user, own in made.users.values():
        profiles[str(own)] = (rf"C:\Users\{user}", own.to_bytes())
    for sid, (folder, binary) in profiles.items():
        values = {"ProfileImagePath": f"expandstring:{folder}"}
        if binary:
            values["Sid"] = f"hex:3:{binary.hex(',')}"
        script += [f"cd {current}\\ProfileList", f"add {sid}", f"cd {sid}", *_values(values)]
    guid = {"MachineGuid": f"string:{Machine().machine_guid}"}
    state = {"ImageState": "string:IMAGE_STATE_COMPLETE"}
    script += [r"cd \Microsoft", "add Cryptography", "cd Cryptography", *_values(guid)]
    script += [r"cd \Microsoft\Windows\CurrentVersion", "add Setup", "cd Setup", "add State"]
    script += ["cd State", *_values(state), "commit", "quit"]
    done = subprocess.run(
        ["hivexsh", "-w", target], input="\n".join(script) + "\n",
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _values(values: dict[str, str]) -> list[str]:
    lines = [f"setval {len(values)}"]
    for name, value in values.items():
        lines += [name, value]
    return lines


def _disk(tree: Path, work: Path, path: Path) -> None:
    volume, wim, disk = work / "volume", work / "files.wim", work / "disk"
    with volume.open("wb") as file:
        file.truncate(SIZE)
    start = str(_START // 512)
    _run("mkntfs", "--force", "--quick", "--quiet", "--partition-start", start, volume)
    _run("wimlib-imagex", "capture", tree, wim, "--compress=none")
    _run("wimlib-imagex", "apply", wim, "1", volume)
    with disk.open("wb") as file:
        file.truncate(SIZE + 2 * _START)
    table = (
        f"label: dos\nlabel-id: 0x5cbea03e\nstart={start}, size={SIZE // 512}, type=7, bootable\n"
    )
    _run("sfdisk", "--quiet", disk, stdin=table)
    _run("dd", f"if={volume}", f"of={disk}", "bs=1M", "seek=1", "conv=notrunc,sparse")
    kind = {".qcow2": "qcow2", ".raw": "raw"}[path.suffix]
    _run("qemu-img", "convert", "-f", "raw", "-O", kind, disk, path)


def _run(*command: str | Path, stdin: str | None = None) -> None:
    done = subprocess.run(
        [str(part) for part in command], input=stdin, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
