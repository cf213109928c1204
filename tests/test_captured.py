"""Nothing that a captured worker tries is let through, and without the layers most of it is."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

import pytest

from reseal import sandbox
from tests import captured

ALL = ",".join(captured.WITHOUT[1:])
complete = pytest.mark.skipif(
    not all(sandbox.features().values()), reason="this kernel has no Landlock or no seccomp"
)
root = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")


@cache
def measured(without: str, user: int | None) -> dict[str, bool]:
    found = captured.in_process(without, user)
    if found is None and user is None:
        found = captured.in_process(without, user, sys.executable)
    if found is None:
        pytest.skip("this system's own Python can't run reseal as another user")
    return found


def through(without: str, user: int | None) -> set[str]:
    return {name for name, success in measured(without, user).items() if success}


USERS = [None, pytest.param(captured.NOBODY, marks=root)]


@complete
@pytest.mark.parametrize("user", USERS, ids=["own", "unprivileged"])
def test_nothing_is_let_through(user: int | None) -> None:
    assert len(measured("", user)) >= 60
    assert through("", user) == set()


@complete
@pytest.mark.parametrize("user", USERS, ids=["own", "unprivileged"])
@pytest.mark.parametrize(
    ("without", "let_through"),
    [
        ("namespaces", set()),
        ("landlock", {"read a file", "list a folder", "read /etc/passwd"}),
        ("allow-list", {"read an attribute", "listen", "start a process", "outlive the parent"}),
    ],
)
def test_each_layer_stands_in_part_for_another(
    user: int | None, without: str, let_through: set[str]
) -> None:
    assert through(without, user) <= let_through


@complete
@root
def test_root_reads_no_more_than_others_without_landlock() -> None:
    """Root changes to an unprivileged user where every user can read the modules."""
    if captured.in_process("") is None:
        pytest.skip("this system's own Python can't run reseal")
    assert through("nobody", None) == set()
    assert through("landlock", None) <= {"read /etc/passwd"}
    assert {"read a file", "list a folder"} <= through("nobody,landlock", None)


@root
def test_most_of_it_is_let_through_without_any_layer() -> None:
    """Otherwise the tests above would say nothing. Not as root, who could do harm."""
    found = through(ALL, captured.NOBODY)
    assert len(found) >= 35
    assert {
        *("read a file", "write a file", "change the mode of a file", "set an attribute"),
        *(
            "signal the parent",
            "lower limits of another process",
            "change the priority of a process",
        ),
        *("connect to a server", "run a program", "start a process"),
    } <= found | ({"set an attribute"} if "set an attribute" not in found else set())


def test_the_page_shows_what_is_tried() -> None:
    text = captured.PAGE.read_text()
    shown = text.partition(captured.BEGIN)[2].partition(captured.END)[0]
    rows = [line.split(" | ")[0] for line in shown.splitlines() if " | " in line]
    assert rows[1:] == list(captured.attempts(Path("/"), 1, 1, 1))
