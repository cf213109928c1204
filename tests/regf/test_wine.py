"""What `export` writes, imported by Wine's own reg.exe and read back with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from reseal.regf import exchange, regfile, types
from reseal.testing.hives import hive
from tests import oracles
from tests.regf.test_recovery import opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reseal.regf import Hive

TOP = r"HKEY_CURRENT_USER\Software\ResealTest"
SPEC: dict[str, dict[str, object]] = {
    "Sub key": {
        "": "default",
        "text": 'C:\\x "quoted"',
        "number": 7,
        "bytes": bytes(range(256)) * 3,
        "lines": ["a", "b c"],
        "expand": (types.REG_EXPAND_SZ, "%PATH%"),
        "none": (types.REG_NONE, b"\1\2"),
        "nothing": b"",
        "q": (types.REG_QWORD, 1 << 40),
        "big": (types.REG_DWORD_BIG_ENDIAN, 5),
        "short": (types.REG_DWORD, b"12"),
        "open": (types.REG_SZ, b"a\0b\0"),
        "break": "a\r\nb",
        "odd": (0x7FFF0011, b"\xff"),
        "link": (types.REG_LINK, r"\Registry\Machine"),
    },
    "Ключ": {"имя": "кириллица", "é": "ü"},
}


@pytest.fixture(scope="module")
def wine_reg(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run Wine's reg.exe in a prefix of its own."""
    if shutil.which("wine") is None:
        pytest.skip("wine is not installed")
    prefix = tmp_path_factory.mktemp("wine")
    environment = os.environ | {
        "WINEPREFIX": str(prefix),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
        "HOME": str(prefix),
        "LANG": "C.UTF-8",
    }
    environment.pop("DISPLAY", None)

    def run(*arguments: str) -> str:
        process = subprocess.run(
            ["wine", *arguments], env=environment, capture_output=True, timeout=240, check=False
        )
        assert process.returncode == 0, process.stderr
        return process.stdout.decode("utf-8", "replace")

    run("wineboot", "--init")
    return lambda *arguments: run("reg", *arguments)


def round_trip(reg: Callable[..., str], built: Hive, folder: Path, version: int = 5) -> Hive:
    """What a hive is after Wine imported and exported it."""
    reg("add", TOP, "/f")
    reg("delete", TOP, "/f")
    file, back = folder / "in.reg", folder / "out.reg"
    sections = exchange.sections(built.root, TOP)
    file.write_bytes(b"".join(regfile.write(sections, version)))
    reg("import", f"Z:{file}".replace("/", "\\"))
    reg("export", TOP, f"Z:{back}".replace("/", "\\"), "/y")
    again = hive({})
    exchange.apply(again.root, regfile.parse(back.read_bytes()), TOP)
    return again


def as_wine_exports(tree: oracles.Tree) -> oracles.Tree:
    """What Wine's export changes in values: it completes data that is not as its type has it.

    Text ends with one NUL, a REG_DWORD has four bytes, and line breaks are written as `\\r` and
    `\\n`, which regedit does not know and reads as letters.
    """
    result: oracles.Tree = {}
    for path, values in tree.items():
        # Wine's registry has a Software key of its own spelling.
        result[path.upper()] = dict(values)
        for name, (number, data) in values.items():
            if number == types.REG_SZ:
                text = str(types.decode(number, data)).replace("\r", "r").replace("\n", "n")
                result[path.upper()][name] = number, types.encode(number, text)
            elif number == types.REG_DWORD:
                result[path.upper()][name] = number, data.ljust(4, b"\0")
    return result


def printed(value: tuple[int, bytes]) -> str:
    """How reg.exe prints a value."""
    decoded = types.decode(*value)
    name = types.name(value[0])
    match decoded:
        case int():
            return f"{name}    0x{decoded:x}"
        case list():
            return f"{name}    " + r"\0".join(decoded)
        case bytes():
            return f"{name}    {decoded.hex().upper()}"
        case _:
            return f"{name}    {decoded}"


#: What reg.exe prints as it is; for the others it has no text.
PLAIN = (0, 1, 2, 3, 4, 7)


def queried(reg: Callable[..., str], built: Hive) -> int:
    """Look that `reg query` prints every plain value; return how many that are."""
    output = reg("query", TOP, "/s").replace("\r\n", "\n")
    blocks = {
        block.partition("\n")[0]: f"{block}\n"
        for block in re.split(r"\n\n(?=HKEY_)", "\n" + output)
    }
    count = 0
    for path, values in oracles.tree_of(built).items():
        for name, value in values.items():
            text = printed(value)
            # Without a console its code page has only ASCII.
            if value[0] in PLAIN and f"{path}{name}{text}".isascii() and text.isprintable():
                assert f"    {name or '(Default)'}    {text}\n" in blocks[f"{TOP}\\{path}"], name
                count += 1
    return count


def test_every_type_goes_through_wine_and_back(
    wine_reg: Callable[..., str], tmp_path: Path
) -> None:
    built = hive(SPEC)
    again = round_trip(wine_reg, built, tmp_path)
    assert as_wine_exports(oracles.tree_of(again)) == as_wine_exports(oracles.tree_of(built))
    assert queried(wine_reg, hive({"Sub key": dict(list(SPEC["Sub key"].items())[:8])})) == 8


@pytest.mark.judges
def test_version_4_goes_through_wine_and_back(wine_reg: Callable[..., str], tmp_path: Path) -> None:
    built = hive({"Sub key": dict(list(SPEC["Sub key"].items())[:10])})
    again = round_trip(wine_reg, built, tmp_path, 4)
    assert as_wine_exports(oracles.tree_of(again)) == as_wine_exports(oracles.tree_of(built))


@pytest.mark.judges
def test_a_real_hive_goes_through_wine_and_back(
    wine_reg: Callable[..., str], tmp_path: Path, corpus: Path
) -> None:
    built = opened(corpus / "machines/win10-21h1/DEFAULT")
    again = round_trip(wine_reg, built, tmp_path)
    assert as_wine_exports(oracles.tree_of(again)) == as_wine_exports(oracles.tree_of(built))
    assert queried(wine_reg, built) > 500
