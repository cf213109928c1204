"""Run the proof; see the package docstring."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.windows_proof import answers, compare
from tools.windows_proof.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

_SYSPREP = r"C:\Windows\System32\Sysprep\sysprep.exe /generalize /oobe /shutdown /quiet"
_RUN_ONCE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce"


def _said(text: str) -> None:
    print(f"\n== {text}", flush=True)


def _identity(image: Path) -> dict[str, Any]:
    record: dict[str, Any] = compare.reseal("inspect", image, "--allow-backing")
    return {**record["identity"], "image_state": record["state"]["image_state"]}


def _is_different(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name in compare.IDENTITIES:
        verdict = "differs" if one[name] != other[name] else "IS THE SAME"
        print(f"{name}: {one[name]} / {other[name]}: {verdict}")
    if same := compare.same(one, other):
        raise SystemExit(f"{', '.join(same)} is the same")


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
    """Install, generalize, boot, clone, compare."""
    parser = argparse.ArgumentParser(prog="python -m tools.windows_proof")
    parser.add_argument("--iso", type=Path, required=True, help="an evaluation ISO of Windows")
    parser.add_argument("--index", type=int, default=1, help="the image in its install.wim")
    parser.add_argument("--work", type=Path, required=True, help="a folder with 150 GB free")
    given = parser.parse_args()
    work: Path = given.work
    stick = work / "stick"
    stick.mkdir(parents=True, exist_ok=True)

    _said("Installing Windows, about half an hour")
    base = work / "base.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", base, "64G"], check=True)
    (stick / "Autounattend.xml").write_text(answers.setup(given.index))
    Machine(base, work, iso=given.iso, answers=stick).run(minutes=120)
    before = _identity(base)
    print(before)

    _said("Generalizing offline")
    ours, file = work / "reseal.qcow2", work / "first-boot.xml"
    file.write_text(answers.first_boot())
    shutil.copyfile(base, ours)
    reports = ("--report", work / "reseal.html", "--save-identity", work / "identity.json")
    compare.reseal("generalize", ours, "--unattend", file, *reports)
    verified = compare.reseal("verify", ours, "--identity", work / "identity.json")
    print(f"verify: {verified['result']}")
    golden = work / "golden.qcow2"
    shutil.copyfile(ours, golden)

    _said("Booting it: specialize, OOBE, a desktop, a shutdown")
    Machine(ours, work).run(minutes=60)
    after = _identity(ours)
    _is_different(before, after)
    if after["image_state"] != "IMAGE_STATE_COMPLETE":
        msg = f"the state is {after['image_state']}"
        raise SystemExit(msg)

    _said("Booting two plain copies and two clones")
    text = boot_copies(golden, work, lambda disk: Machine(disk, work).run(minutes=60))
    (work / "identities.md").write_text(text)
    print(text)

    _said("Windows' own Sysprep, on a copy")
    theirs = work / "sysprep.qcow2"
    shutil.copyfile(base, theirs)
    compare.reseal("reg", "set", theirs, _RUN_ONCE, "Proof", _SYSPREP)
    Machine(theirs, work).run(minutes=60)
    report = work / "report.md"
    report.write_text(compare.report(base, golden, theirs))
    print(f"Done. The comparison: {report}; what copies share: {work / 'identities.md'}")


if __name__ == "__main__":
    main()
