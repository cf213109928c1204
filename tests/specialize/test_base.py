"""Which answer file a machine's own settings go into."""

from __future__ import annotations

from reseal.answerfile import AnswerFile
from reseal.session import Session
from reseal.specialize.machine import Specialization
from reseal.specialize.wish import Wish
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import Machine
from tests.answerfile.samples import SHELL, document, one
from tests.builders import session

CACHE = r"Windows\Panther\unattend.xml"
FOR_SYSPREP = r"Windows\System32\Sysprep\unattend.xml"
OWNER = one("specialize", SHELL, "<RegisteredOwner>Us</RegisteredOwner>")
ZONE = one("oobeSystem", SHELL, "<TimeZone>UTC</TimeZone>")


def golden(**files: str) -> Session:
    image = session(Machine())
    for name, text in files.items():
        image.write_file({"cache": CACHE, "sysprep": FOR_SYSPREP}[name], text.encode())
    generalize(image)
    memory = image.installation.tree
    image.commit(memory)
    return Session(image.installation.__class__(memory, "Windows", volume=1))


def texts(image: Session) -> set[str]:
    return {one.text for one in AnswerFile(image.files.read(CACHE)).settings()}


def test_a_name_joins_what_the_file_for_sysprep_says() -> None:
    image = golden(sysprep=OWNER)
    Specialization(Wish(computer_name="WS-1"))(image)
    assert {"Us", "WS-1"} <= texts(image)
    assert not [each for each in image.notes if "no longer used" in each]


def test_what_a_name_hides_of_another_file_is_told() -> None:
    image = golden(cache=ZONE, sysprep=OWNER)
    Specialization(Wish(computer_name="WS-1"))(image)
    assert "WS-1" in texts(image)
    (note,) = [each for each in image.notes if "is no longer used for specialize" in each]
    assert FOR_SYSPREP in note
    assert "--unattend" in note


def test_a_whole_file_of_its_own_may_take_the_place_of_all() -> None:
    image = golden(cache=ZONE, sysprep=OWNER)
    own = document(one("specialize", SHELL, "<RegisteredOwner>Me</RegisteredOwner>"))
    Specialization(Wish(computer_name="WS-1", document=own))(image)
    assert {"Me", "WS-1"} <= texts(image)
    assert "Us" not in texts(image)
