"""What reseal can do is declared in one style, found by that, and listed without loading what does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reseal.checks import CHECKS
from reseal.customize import STEPS
from reseal.declaration import Declaration, declared, declares
from reseal.mark import Mark
from reseal.providers.plugins import own
from tests.cpu import cpu_time, empty_program

EVERY: tuple[Declaration, ...] = (*own(), *CHECKS, *STEPS.values())
#: What works on an image. A list of what there is needs none of it.
ENGINES = (
    "Cryptodome",
    "numpy",
    "reseal.answerfile",
    "reseal.bcd",
    "reseal.disk",
    "reseal.ntfs",
    "reseal.regf",
    "reseal.session.session",
    "reseal.sid",
    "reseal.sysprep",
    "reseal.wim",
    "reseal.worker",
)


@pytest.mark.parametrize("one", EVERY, ids=lambda one: f"{type(one).__name__}-{one.id}")
def test_it_says_what_it_is_and_its_work_is_there(one: Declaration) -> None:
    assert one.title
    assert one.source
    assert one.mark in Mark
    assert one.description
    assert not one.description.startswith((" ", "\n"))
    assert callable(one.run)


def test_ids_are_unique_within_a_kind() -> None:
    for ones in (own(), CHECKS, STEPS.values()):
        ids = [one.id for one in ones]
        assert len(set(ids)) == len(ids) > 20


@pytest.mark.parametrize(
    "code",
    [
        "from reseal.providers.plugins import every; every()",
        "import reseal.checks",
        "import reseal.customize",
        "import reseal.cli.customize",
        "import reseal.cli.generalize",
    ],
)
def test_to_list_what_there_is_loads_no_engine(code: str) -> None:
    code = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = done.stdout.split()
    assert "reseal.declaration" in loaded
    assert [one for one in loaded if f"{one}.".startswith(tuple(f"{e}." for e in ENGINES))] == []


@pytest.mark.parametrize("command", ["customize", "generalize"])
def test_the_help_takes_at_most_three_times_an_empty_program(command: str) -> None:
    reseal = Path(sys.executable).with_name("reseal")
    assert cpu_time(reseal, command, "--help") < 3 * empty_program()


_HEAD = """
from reseal.declaration import Declaration, declares
from reseal.mark import Mark
def declare(name, order=50, work=None):
    return declares(Declaration, work=work, id=name, mark=Mark.SEEN, source="a test", order=order)
"""


def _package(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, **modules: str) -> None:
    place = folder / name
    place.mkdir()
    (place / "__init__.py").touch()
    for module, code in modules.items():
        (place / f"{module}.py").write_text(_HEAD + code)
    monkeypatch.syspath_prepend(folder)


def test_declarations_come_in_their_order_then_in_that_of_modules_and_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _package(
        tmp_path,
        monkeypatch,
        "some_declarations",
        b='late = declare("late", 90)(lambda: 1)\nsecond = declare("second")(lambda: 2)\n'
        'third = declare("third")(lambda: 3)',
        a='TABLE = (declare("x")(lambda: 4), declare("y", 10)(lambda: 5))\nother = 7',
        c="from some_declarations.b import second",
    )
    found = declared("some_declarations", Declaration)
    assert [one.id for one in found] == ["y", "x", "second", "third", "late"]
    assert [one.run() for one in found] == [5, 4, 2, 3, 1]


def test_two_with_one_id_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = 'one = declare("same")(lambda: 1)'
    _package(tmp_path, monkeypatch, "same_declarations", a=one, b=one)
    with pytest.raises(ValueError, match=r"same_declarations\.b declares same, which"):
        declared("same_declarations", Declaration)


def test_work_that_is_named_is_loaded_when_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _package(tmp_path, monkeypatch, "named_work", engine="def go(): return 'done'")
    declare = declares(
        Declaration, work="named_work.engine:go", id="go", mark=Mark.SEEN, source="a test"
    )

    def function() -> None:
        """Go there.

        It takes a while.
        """

    one = declare(function)
    assert "named_work.engine" not in sys.modules
    assert (one.title, one.description) == ("Go there.", "Go there.\n\nIt takes a while.")
    assert one.run() == "done"
    assert "named_work.engine" in sys.modules
