"""Paths in the image, as people write them, on a tree with links in it."""

from __future__ import annotations

import pytest

from reseal.customize import guest
from reseal.errors import UsageError
from reseal.session import Session
from reseal.testing.machine import Machine
from reseal.testing.memory import Link
from tests.builders import session


@pytest.fixture
def image() -> Session:
    files = {"Data": {"a.log": b"1", "b.LOG": b"2", "c.txt": b"3", "Deep": {"d.log": b"4"}},
             "Link": Link()}  # fmt: skip
    return session(Machine(files=files))


@pytest.mark.parametrize(
    "text",
    [r"C:\Data\a.log", r"c:/data/A.LOG", r"\Data\.\a.log", "/Data//a.log", "\\Data\\a.log"],
)
def test_every_form_means_the_same_file(image: Session, text: str) -> None:
    assert guest.existing(image, text).lower() == r"data\a.log"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Data", "not an absolute path"),
        ("C:Data", "not an absolute path"),
        ("", "not an absolute path"),
        (r"C:\Data\..\..\etc", "contains '..'"),
        (r"D:\Data", "not on C:"),
        (r"C:\Data\a.log:stream", "Windows does not accept"),
        (r"C:\Data\a" + "\0", "Windows does not accept"),
        (r"C:\Data\trailing. ", "Windows does not accept"),
        (r"C:\Data\*", "Windows does not accept"),
        (r"C:\Link\Windows", "link"),
        (r"C:\Data\a.log\below", "is a file"),
        (r"C:\Data\missing", "has no"),
        ("/" + "x" * 256, "Windows does not accept"),
    ],
)
def test_what_leads_elsewhere_is_refused(image: Session, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        guest.existing(image, text)
    assert raised.value.hint


def test_wildcards_match_names_in_any_case_and_follow_no_link(image: Session) -> None:
    assert list(guest.matches(image, r"C:\Data\*.log")) == [r"Data\a.log", r"Data\b.LOG"]
    assert list(guest.matches(image, r"\Dat?\*\*.log")) == [r"Data\Deep\d.log"]
    with pytest.raises(UsageError, match="link"):
        list(guest.matches(image, r"C:\Link\*"))
    assert list(guest.matches(image, r"C:\Lin*\*")) == []
    assert list(guest.matches(image, r"C:\Data\[ab].log")) == []


def test_a_copy_goes_into_a_folder_or_gets_a_name(image: Session) -> None:
    assert guest.into(image, r"C:\Data", "x") == r"Data\x"
    assert guest.into(image, r"C:\Data\x", "y") == r"Data\x"
    assert guest.into(image, "/New/", "y") == r"New\y"
    assert guest.into(image, "/", "y") == "y"
    with pytest.raises(UsageError, match="link"):
        guest.into(image, r"C:\Link", "y")
