"""Run the proof; see the package docstring."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.windows_proof import answers, compare, settle
from tools.windows_proof.machine import Machine
from tools.windows_proof.results import Results

_SYSPREP = r"C:\Windows\System32\Sysprep\sysprep.exe /generalize /oobe /shutdown /quiet"
_RUN_ONCE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce"


def _said(text: str) -> None:
    print(f"\n== {text}", flush=True)


def _identity(image: Path) -> dict[str, Any]:
    record: dict[str, Any] = compare.reseal("inspect", image, "--allow-backing")
    return {**record["identity"], "image_state": record["state"]["image_state"]}


def _is_different(results: Results, who: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    for name in compare.IDENTITIES:
        seen = f"{one[name]} / {other[name]}"
        results.add(f"{who}: {name} differs", seen, expected=one[name] != other[name])


def _settle() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.windows_proof settle")
    parser.add_argument("file", type=Path, help="the zip that settle.cmd packed")
    try:
        print(settle.report(parser.parse_args(sys.argv[2:]).file), end="")
    except settle.SettleError as error:
        raise SystemExit(f"{error}.") from error


def boot_copies(golden: Path, work: Path, boot: Callable[[Path], None]) -> str:
    """Boot two plain copies of a generalized image and two clones; return the report in Markdown.

    Args:
        golden: the generalized image.
        work: the folder for the copies and clones.
        boot: boots a disk until Windows shuts it down.
    """
    copies = [work / f"copy-{number}.qcow2" for number in (1, 2)]
    for copy in copies:
        shutil.copyfile(golden, copy)
    table = work / "fleet.csv"
    table.write_text("name\nPROOF-01\nPROOF-02\n")
    compare.reseal("clone", golden, "--machines", table, "--output-dir", work / "fleet")
    clones = [work / "fleet" / f"PROOF-0{number}.qcow2" for number in (1, 2)]
    found = {"the golden image": _identity(golden)}
    for image in (*copies, *clones):
        boot(image)
        found[image.stem] = _identity(image)
    pairs = [(one.stem, other.stem) for one, other in (copies, clones)]
    return compare.identities(found, pairs)


def main() -> None:
    """Install, generalize, boot, clone, compare; or read what settle.cmd collected."""
    if sys.argv[1:2] == ["settle"]:
        _settle()
        return
    parser = argparse.ArgumentParser(
        prog="python -m tools.windows_proof",
        epilog="python -m tools.windows_proof settle FILE.zip reads what settle.cmd collected.",
    )
    parser.add_argument("--iso", type=Path, required=True, help="an evaluation ISO of Windows")
    parser.add_argument("--index", type=int, default=1, help="the image in its install.wim")
    parser.add_argument("--work", type=Path, required=True, help="a folder with 150 GB free")
    given = parser.parse_args()
    work: Path = given.work
    stick = work / "stick"
    stick.mkdir(parents=True, exist_ok=True)
    results = Results(work / "results.md")

    _said("Installing Windows, about half an hour")
    base = work / "base.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", base, "64G"], check=True)
    (stick / "Autounattend.xml").write_text(answers.setup(given.index))
    Machine(base, work, iso=given.iso, answers=stick).run(minutes=120)
    before = _identity(base)
    state = before["image_state"]
    results.add("Installation", str(state), expected=state == "IMAGE_STATE_COMPLETE")

    _said("Generalizing offline")
    ours, file = work / "reseal.qcow2", work / "first-boot.xml"
    file.write_text(answers.first_boot())
    shutil.copyfile(base, ours)
    reports = ("--report", work / "reseal.html", "--save-identity", work / "identity.json")
    compare.reseal("generalize", ours, "--unattend", file, *reports)
    verified = compare.reseal("verify", ours, "--identity", work / "identity.json")
    clean = verified["result"] in {"clean", "as after Sysprep"}
    results.add("Generalized offline, verify", verified["result"], expected=clean)
    golden = work / "golden.qcow2"
    shutil.copyfile(ours, golden)

    _said("Booting it: specialize, OOBE, a desktop, a shutdown")
    Machine(ours, work).run(minutes=60)
    after = _identity(ours)
    state = after["image_state"]
    results.add("Specialize and OOBE", str(state), expected=state == "IMAGE_STATE_COMPLETE")
    _is_different(results, "before and after the first boot", before, after)

    _said("Booting two plain copies and two clones")
    text = boot_copies(golden, work, lambda disk: Machine(disk, work).run(minutes=60))
    (work / "identities.md").write_text(text)
    print(text)
    results.add("Two plain copies and two clones, booted", "identities.md", expected=True)

    _said("Windows' own Sysprep, on a copy")
    theirs = work / "sysprep.qcow2"
    shutil.copyfile(base, theirs)
    compare.reseal("reg", "set", theirs, _RUN_ONCE, "Proof", _SYSPREP)
    Machine(theirs, work).run(minutes=60)
    report = work / "report.md"
    report.write_text(compare.report(base, golden, theirs))
    results.add("Compared with Windows' own Sysprep", report.name, expected=True)


if __name__ == "__main__":
    main()
