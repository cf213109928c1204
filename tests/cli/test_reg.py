from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from reseal.cli.reg import reg
from reseal.errors import NoWindowsError, UsageError
from reseal.regf import Hive, RegfError, types
from reseal.regf.file import HiveFile
from reseal.testing.hives import hive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def software(tmp_path: Path) -> Path:
    path = tmp_path / "SOFTWARE"
    spec = {r"Vendor\App": {"Version": "1.2", "Count": 7, "": "main", "Raw": b"\x01\x02"}}
    path.write_bytes(hive(spec).to_bytes())
    return path


def run(*arguments: str | Path) -> str:
    """What a command prints."""
    result = CliRunner().invoke(reg, [str(argument) for argument in arguments])
    if result.exception is not None:
        # The error of reseal behind the exit code, where there is one.
        raise result.exception.__context__ or result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def run_json(*arguments: str | Path) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_query_prints_keys_and_values(software: Path) -> None:
    assert run("query", software, "vendor").splitlines() == ["[Vendor]", r"    App\\"[:-1]]
    text = run("query", software, "-r")
    assert "[Vendor\\App]\n    Version    REG_SZ    1.2\n    Count    REG_DWORD    0x7\n" in text
    assert "    (Default)    REG_SZ    main\n" in text
    assert run("query", software, r"HKLM\SOFTWARE\Vendor\App", "--value", "raw") == "01 02\n"
    found = run_json("query", software, r"Vendor\App")
    assert found["values"][1] == {"name": "Count", "type": "REG_DWORD", "data": 7}
    assert run_json("query", software)["subkeys"] == ["Vendor"]
    assert [key["path"] for key in run_json("query", software, "-r")] == [
        "",
        "Vendor",
        r"Vendor\App",
    ]
    with pytest.raises(UsageError, match="no key"):
        run("query", software, "absent")
    with pytest.raises(UsageError, match="no value"):
        run("query", software, "Vendor", "--value", "absent")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["text", "a b"], (types.REG_SZ, "a b")),
        (["n", "0x10", "-t", "REG_DWORD"], (types.REG_DWORD, 16)),
        (["n", "5", "-t", "qword"], (types.REG_QWORD, 5)),
        (["m", "a", "b", "-t", "multi_sz"], (types.REG_MULTI_SZ, ["a", "b"])),
        (["b", "01 ff", "-t", "binary"], (types.REG_BINARY, b"\x01\xff")),
        (["", "x", "-t", "expand_sz"], (types.REG_EXPAND_SZ, "x")),
        (["odd", "00", "-t", "0xffff0011"], (0xFFFF0011, b"\0")),
        (["empty"], (types.REG_SZ, "")),
    ],
)
def test_set_makes_values_of_all_types(
    software: Path, arguments: list[str], expected: tuple[int, object]
) -> None:
    assert run_json("set", software, r"New\Key", *arguments)["changed"]
    key = HiveFile(software).hive.key(r"New\Key")
    assert key is not None
    value = key.value(arguments[0])
    assert value is not None
    assert (value.type, value.decoded) == expected


def test_delete_rename_and_their_backup(software: Path) -> None:
    before = software.read_bytes()
    run("rename", software, r"Vendor\App", "Application", "--backup")
    assert software.with_name("SOFTWARE.bak").read_bytes() == before
    run("delete", software, r"Vendor\Application", "--value", "Count")
    after = HiveFile(software).hive.key(r"Vendor\Application")
    assert after is not None
    assert sorted(value.name for value in after.values()) == ["", "Raw", "Version"]
    run("delete", software, "Vendor")
    assert run("query", software) == "[]\n"
    assert run_json("set", software, "")["changed"] is False


def test_export_diff_and_import_go_round(software: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "SOFTWARE"
    other.parent.mkdir()
    other.write_bytes(hive({}).to_bytes())
    run("export", software, "-o", tmp_path / "all.reg")
    text = (tmp_path / "all.reg").read_bytes().decode("utf-16")
    assert '[HKEY_LOCAL_MACHINE\\SOFTWARE\\Vendor\\App]\r\n"Version"="1.2"\r\n' in text
    run("import", other, tmp_path / "all.reg")
    assert run_json("diff", software, other) == []
    run("set", other, r"Vendor\App", "Count", "8", "-t", "dword")
    (difference,) = run_json("diff", software, other)
    assert difference == {
        "kind": "value changed",
        "path": r"Vendor\App",
        "value": "Count",
        "before": {"type": "REG_DWORD", "data": 7},
        "after": {"type": "REG_DWORD", "data": 8},
    }
    assert run("diff", software, other).splitlines()[0] == r"value changed: [Vendor\App] Count"
    run("diff", software, other, "Vendor", "--reg", "-o", tmp_path / "change.reg")
    run("import", software, tmp_path / "change.reg")
    assert run("diff", software, other) == ""
    assert run("export", software, "Vendor", "--version", "4").startswith("REGEDIT4")


def test_verify_and_compact(software: Path) -> None:
    assert run("verify", software) == "SOFTWARE: no violations.\n"
    assert run_json("compact", software) == {"before": 8192, "after": 8192}
    data = bytearray(software.read_bytes())
    data[data.find(b"lh\x01\0") + 8] ^= 1
    software.write_bytes(data)
    result = CliRunner().invoke(reg, ["verify", str(software), "--json"])
    assert result.exit_code == 4
    assert "hash" in json.loads(result.stdout)[0]["message"]


def test_wrong_calls_change_nothing(software: Path, tmp_path: Path) -> None:
    before = software.read_bytes()
    (tmp_path / "bad.reg").write_bytes(b"REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\x]\r\n???")
    calls: list[tuple[type[Exception], list[str | Path]]] = [
        (UsageError, ["set", software, "x", "v", "text", "-t", "REG_DWORD"]),
        (UsageError, ["set", software, "x", "v", "1", "-t", "REG_WORD"]),
        (UsageError, ["delete", software, "absent"]),
        (RegfError, ["delete", software, ""]),
        (RegfError, ["rename", software, "Vendor", r"a\b"]),
        (RegfError, ["import", software, tmp_path / "bad.reg"]),
        (UsageError, ["import", software, tmp_path / "absent.reg"]),
        (NoWindowsError, ["query", tmp_path]),
    ]
    for error, arguments in calls:
        with pytest.raises(error):
            run(*arguments)
    assert software.read_bytes() == before


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "odd"
    built = hive({})
    built.root.create_subkey("a\x1b[31m\u202eb").set("v\r\n", 1, types.encode(1, "\x07"))
    path.write_bytes(built.to_bytes())
    text = run("query", path, "-r")
    assert text.splitlines()[1:] == [r"[a\x1b[31m\u202eb]", r"    v\r\n    REG_SZ    \x07"]
    assert Hive.open(path.read_bytes()).verify() == []
