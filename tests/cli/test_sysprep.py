from __future__ import annotations

import json
from pathlib import Path

import pytest

from reseal.cli.sysprep import parse
from reseal.errors import UsageError
from reseal.testing.windows import windows
from tests.end_to_end import judges

LEGAL = [
    "/generalize /oobe /shutdown",
    "/generalize /oobe /reboot /quiet",
    "/generalize /audit /quit",
    "/generalize /oobe /mode:vm",
    "/generalize /oobe /mode:VM /shutdown",
    "/generalize /shutdown",
    "/GENERALIZE /OOBE",
    "-generalize -oobe -quit",
    "/oobe /reboot",
    "/audit /quit /quiet",
    "/oobe /unattend:answer.xml",
    '/generalize /oobe /unattend:"my answers.xml"',
    # Not in Microsoft's table, but in public recipes.
    "/generalize /oobe /mode:vm /quiet",
    "/generalize /oobe /mode:vm /unattend:a.xml",
    r"C:\Windows\System32\Sysprep\sysprep.exe /generalize /oobe /shutdown",
    "sysprep.exe -Generalize -OOBE",
]
ILLEGAL = [
    "",
    "/quiet",
    "/oobe /audit",
    "/generalize /oobe /reboot /shutdown",
    "/generalize /oobe /mode:xen",
    "/generalize /audit /mode:vm",
    "/mode:vm",
    "/respecialize",
    "/oobe:yes",
    "generalize",
    "/unattend",
    "/unattend:",
]


def _split(line: str) -> list[str]:
    return line.replace("my answers", "my\0answers").split()


@pytest.mark.parametrize("line", LEGAL)
def test_every_legal_combination_is_taken(line: str) -> None:
    given, mode, unattend = parse(_split(line))
    assert given
    assert (mode == "vm") == ("mode" in line.lower())
    assert (unattend is not None) == ("unattend" in line)


@pytest.mark.parametrize("line", ILLEGAL)
def test_illegal_ones_are_refused_in_sysprep_s_way(line: str) -> None:
    with pytest.raises(UsageError, match=r"Unable to parse command-line arguments to sysprep"):
        parse(_split(line))


def test_a_run_from_sysprep_s_command_line(tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    windows(image)
    done = judges.reseal("sysprep", image, "/generalize", "/oobe", "/shutdown")
    assert done.returncode == 0, done.stderr
    assert "powered off" in done.stderr
    record = json.loads(judges.reseal("inspect", image, "--json").stdout)
    assert record["state"]["image_state"] == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    done = judges.reseal("boot", image, "--audit", "--quiet")
    assert done.returncode == 0, done.stderr
    shown = judges.reseal("boot", image, "--status").stdout
    assert "setupcl.exe is asked for a new machine SID" in shown
    assert "audit mode follows" in shown
    assert judges.reseal("boot", image).returncode == 2
    assert judges.reseal("sysprep", image, "/oobe", "/audit").returncode == 2
