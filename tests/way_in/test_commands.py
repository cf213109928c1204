"""Every command explains itself: examples that work, a man page, completions; and doctor."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from reseal.cli.examples import EXAMPLES, Example
from reseal.report import doctor
from reseal.report.doctor import Engine
from tests.way_in.stage import STAND_INS
from tools import man
from tools.command_tree import commands

ROOT = Path(__file__).parents[2]
RESEAL = str(Path(sys.executable).with_name("reseal"))
LEAVES = [
    one
    for one in commands()
    if one.name and not any(other.name.startswith(f"{one.name} ") for other in commands())
]
DAY = date(2026, 1, 2)


def test_every_command_has_examples_and_every_example_a_command() -> None:
    assert {one.name for one in LEAVES} == EXAMPLES.keys()
    for one in LEAVES:
        assert one.examples
        assert one.paragraphs
        for example in one.examples:
            assert shlex.split(example.line)[: 1 + len(one.name.split())] == [
                "reseal", *one.name.split(),
            ]  # fmt: skip


@pytest.mark.parametrize("command", EXAMPLES)
def test_every_example_works(
    command: str, new_stage: Callable[[], Path], environment: dict[str, str]
) -> None:
    for example in EXAMPLES[command]:
        folder = new_stage()
        done = subprocess.run(
            example.line, shell=True, cwd=folder, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == example.exit_code, (example.line, done.stderr)
        assert "Traceback" not in done.stderr


def test_the_help_shows_them() -> None:
    for command in ("generalize", "reg set"):
        done = subprocess.run(
            [RESEAL, *command.split(), "--help"],
            capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "200"},
        )  # fmt: skip
        for example in EXAMPLES[command]:
            assert example.line in done.stdout


# Man pages and completions


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    man.write(folder, DAY)
    return folder


def test_every_command_has_a_man_page(built: Path) -> None:
    pages = {path.stem for path in (built / "man" / "man1").iterdir()}
    assert pages == {"-".join(["reseal", *one.name.split()]) for one in commands()}


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed (apt install groff)")
def test_man_shows_all_of_it_without_a_complaint(built: Path) -> None:
    for one in LEAVES:
        path = built / "man" / "man1" / f"{'-'.join(['reseal', *one.name.split()])}.1"
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=500n", path],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert not done.stderr
        shown = " ".join(done.stdout.split())
        for parameter in one.parameters:
            assert " ".join(parameter.text.split()) in shown, parameter
        for example in one.examples:
            assert " ".join(example.line.split()) in shown


#: By shell, how it asks for what may follow some words. What only a terminal has is stood in for: bash
#: and zsh hand a file's name on to these.
ASK = {
    "bash": """
compopt() {{ echo FILES; }}
source {script}
COMP_WORDS=({words} {last}); COMP_CWORD={number}
_reseal_completion reseal
printf '%s\\n' "${{COMPREPLY[@]}}"
""",
    "zsh": """
compdef() {{ }}
_path_files() {{ print FILES }}
compadd() {{ print -l -- $completions }}
_describe() {{ print -l -- ${{completions_with_descriptions%%:*}} }}
source {script}
words=({words} {last}); CURRENT=$(({number} + 1))
_reseal_completion
""",
    "fish": """
function __fish_complete_path; echo $argv[1]FILES; end
source {script}
complete -C '{words} {last}' | string replace -r '\t.*|.*(?=FILES)' ''; true
""",
}


@pytest.mark.parametrize("shell", ASK)
@pytest.mark.parametrize(
    ("words", "last", "expected"),
    [
        ("reseal", "gener", {"generalize"}),
        ("reseal reg", "ex", {"export"}),
        ("reseal generalize", "--sid", {"--sid"}),
        ("reseal customize image.qcow2", "--reg-", {"--reg-set", "--reg-delete"}),
        ("reseal capture image.qcow2 new.wim --compress", "lz", {"lzx", "lzms"}),
        ("reseal unattend new --mode", "a", {"audit"}),
        ("reseal generalize image.qcow2 --enable", "wifi", {"wifi-profiles"}),
        (
            "reseal generalize image.qcow2 --disable",
            "machine-",
            {"machine-sid", "machine-guid", "machine-certificates"},
        ),
        ("reseal check image.qcow2 --force", "dom", {"domain", "domain-controller"}),
        ("reseal customize image.qcow2", "--time", {"--time-zone"}),
        ("reseal inspect", "ima", {"FILES"}),
        ("reseal generalize image.qcow2 --unattend", "answ", {"FILES"}),
        ("reseal customize image.qcow2 --mkdir / --copy-in", "fold", {"FILES"}),
    ],
)
def test_completions_complete(
    built: Path, shell: str, words: str, last: str, expected: set[str], environment: dict[str, str]
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed (apt install {shell})")
    code = ASK[shell].format(
        script=built / man.COMPLETIONS[shell], words=words, last=last, number=len(words.split())
    )
    done = subprocess.run(
        [shell, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert set(done.stdout.split()) == expected, done.stderr


def test_the_command_itself_gives_them_to_a_shell(built: Path, environment: dict[str, str]) -> None:
    for shell, place in man.COMPLETIONS.items():
        done = subprocess.run(
            [RESEAL], env=environment | {"_RESEAL_COMPLETE": f"{shell}_source"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == (built / place).read_text().strip()


# Doctor and the container


def test_doctor_finds_everything_here() -> None:
    done = subprocess.run([RESEAL, "doctor", "--json"], capture_output=True, text=True, check=True)
    record = json.loads(done.stdout)
    assert record["missing"] == []
    assert {one["name"] for one in record["engines"]} == {one.name for one in doctor.ENGINES}
    silent = {"mkntfs", "mkfs.vfat"}  # these tell nobody their version without making something
    for one in record["engines"]:
        assert one["name"] in silent or any(char.isdigit() for char in one["version"])
    assert "click" in {one["name"] for one in record["packages"]}


def test_doctor_says_what_is_missing_for_what(tmp_path: Path) -> None:
    done = subprocess.run(
        [RESEAL, "doctor"], capture_output=True, text=True, check=False,
        env=os.environ | {"PATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 5
    assert "apt install qemu-utils" in done.stdout
    assert "needed for every command on a disk image" in done.stdout
    assert "Missing: qemu-img, qemu-storage-daemon, mcopy." in done.stdout


def test_doctor_says_that_a_library_is_missing() -> None:
    from reseal.process import load_library

    engine = Engine(
        "libnone", "libnone0", "nothing", lambda: str(load_library(["libnone-x.so.0"], "libnone0"))
    )
    record = doctor.examine([engine])
    assert record["missing"] == ["libnone"]
    assert "apt install libnone0" in "\n".join(doctor.text(record))


def test_the_container_has_what_setup_installs() -> None:
    setup = (ROOT / "tools" / "setup.sh").read_text()
    (line,) = [one for one in setup.splitlines() if one.startswith("install qemu-utils")]
    wanted = set(line.split()[1:]) - {"python3", "python3-venv"}
    container = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
    assert "/build/reseal_*.deb" in container.rpartition("FROM ")[2].split()
    # Debhelper adds python3 itself.
    depends = _depends_of_the_package()
    assert "${python3:Depends}" in depends
    assert wanted == {one for one in depends if not one.startswith(("$", "python3-"))}


def test_the_debian_package_has_the_libraries_of_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[^\w.-]", one)[0] for one in project["dependencies"]}
    # Debian's package has the module Cryptodome of pycryptodomex.
    names = {"pycryptodome" if one == "pycryptodomex" else one for one in names}
    libraries = {one for one in _depends_of_the_package() if one.startswith("python3-")}
    assert libraries == {f"python3-{one}" for one in names}


def _depends_of_the_package() -> set[str]:
    """The names in Depends of debian/control, without versions."""
    control = (ROOT / "debian" / "control").read_text()
    (field,) = re.findall(r"^Depends:((?:.*\n)(?:[ \t].*\n)*)", control, re.MULTILINE)
    return {one.split()[0] for one in field.split(",") if one.strip()}


def test_stand_ins_hide_nothing_of_reseal() -> None:
    assert not {"reseal", "qemu-img", "qemu-storage-daemon"} & set(STAND_INS)
    assert Example("", "").exit_code == 0
