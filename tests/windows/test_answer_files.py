"""The order in which Windows looks for an answer file on its volume."""

from __future__ import annotations

import pytest

from reseal.windows import answer_files
from reseal.windows.setup import SETUP
from tests.builders import session

IMPLICIT = [
    r"Windows\Panther\Unattend\Unattend.xml",
    r"Windows\Panther\Unattend\Autounattend.xml",
    r"Windows\Panther\unattend.xml",
    r"Windows\System32\Sysprep\unattend.xml",
    "Unattend.xml",
    "Autounattend.xml",
]


def test_without_a_named_file_the_folders_of_windows_come_before_the_root() -> None:
    image = session()

    assert answer_files.named(image.registry) is None
    assert list(answer_files.places(image.installation, image.registry)) == IMPLICIT
    names = {path.rpartition("\\")[2].lower() for path in IMPLICIT}
    assert names == answer_files.NAMES


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (r"C:\answers.xml", "answers.xml"),
        (r"%SystemRoot%\Temp\a.xml", r"Windows\Temp\a.xml"),
        (r"C:\Windows\Panther\unattend.xml", r"Windows\Panther\unattend.xml"),
    ],
)
def test_a_named_file_comes_first_as_soon_as_it_is_staged(text: str, path: str) -> None:
    image = session()
    image.set_text(SETUP, "UnattendFile", text)

    assert answer_files.named(image.registry) == path
    assert list(answer_files.places(image.installation, image.registry)) == [path, *IMPLICIT]
