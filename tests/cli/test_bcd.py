"""`reseal bcd` and `reseal generalize` on whole images."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from reseal.cli import commands
from reseal.testing.windows import MEBIBYTE, windows
from tests import oracles
from tests.run.test_boot import stored

RUNNER = CliRunner()


def call(*arguments: object, code: int = 0) -> str:
    result = RUNNER.invoke(commands.reseal, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_show_set_and_delete(tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    windows(image, size=48 * MEBIBYTE, firmware="uefi")
    shown = call("bcd", "show", image)
    assert shown.startswith(
        "Windows Boot Manager\n--------------------\nidentifier              {b"
    )
    assert "osdevice                partition=3\n" in shown
    assert "Hypervisor Settings" not in shown
    assert "Hypervisor Settings" in call("bcd", "show", image, "--all")
    said = call("bcd", "set", image, "{default}", "nx", "AlwaysOn", "--dry-run")
    assert said == "{default} nx: OptIn -> AlwaysOn (dry run: nothing was written)\n"
    assert call("bcd", "set", image, "default", "nx", "3") == "{default} nx: OptIn -> AlwaysOn\n"
    assert "already" in call("bcd", "set", image, "default", "nx", "alwayson")
    assert call("bcd", "delete", image, "{default}", "nx") == "{default} nx: AlwaysOn -> absent\n"
    assert "nx  " not in call("bcd", "show", image)
    (store,) = json.loads(call("bcd", "show", image, "--json", "--all"))["stores"]
    assert store["volume"] == 1
    assert len(store["objects"]) == 11
    assert "What to do" in call("bcd", "set", image, "{default}", "nx", "x", code=2)
    assert "error" in call("bcd", "set", image, "{x}", "nx", "1", "--json", code=2)
    output = tmp_path / "x.qcow2"
    call("bcd", "set", image, "{x}", "nx", "1", "--dry-run", "--output", output, code=2)


def test_show_of_a_real_store(corpus: Path) -> None:
    shown = call("bcd", "show", corpus / "hives" / "BCD", "--all")
    assert shown.count("Firmware Application (101fffff)") == 3
    assert call("bcd", "show", tmp := corpus / "README.md", code=4), tmp


def test_generalize_writes_the_store_with_everything_else(tmp_path: Path) -> None:
    for name, options in (
        ("uefi", {"firmware": "uefi"}),
        ("bios", {"firmware": "bios"}),
        ("one", {"firmware": "bios", "system_partition": False}),
    ):
        image = tmp_path / f"{name}.qcow2"
        windows(image, size=48 * MEBIBYTE, **options)
        before = oracles.hivex(stored(image))
        untouched = image.read_bytes()
        call("generalize", image, "--dry-run", "--quiet")
        assert image.read_bytes() == untouched
        record = json.loads(call("generalize", image, "--quiet", "--json"))
        (change,) = (one for one in record["changes"] if one["provider"] == "bcd")
        assert change["kind"] == "set_boot_element"
        assert change["target"].endswith("BCD: {default} detecthal")
        assert (change["before"], change["after"]) == (None, "Yes")
        assert any("BCD on volume 1" in one for one in record["written"]["hives"])
        after = oracles.hivex(stored(image))
        assert len(after.keys() - before.keys()) == 1
        assert {path: after[path] for path in before} == before
        assert "already" in call("generalize", image)
