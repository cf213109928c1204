import re
from pathlib import Path

import pytest

from reseal.sysprep import action_file
from reseal.sysprep.action_file import ActionFileError, Module
from reseal.testing.machine import action_file as sample

IDENTITY = '<assemblyIdentity name="A" processorArchitecture="amd64"/>'


@pytest.mark.parametrize("build", [17134, 18362])
def test_the_real_action_files_are_read_whole(corpus: Path, build: int) -> None:
    """Counted in the text as well, without what their publisher had commented out."""
    data = (corpus / "actionfiles" / f"Generalize-{build}.xml").read_bytes()
    text = re.sub(r"<!--.*?-->", "", data.decode(), flags=re.DOTALL)
    plan = action_file.parse(data, "Generalize.xml")
    assert len(plan) == text.count("<imaging ") > 60
    modules = text.count("<sysprepModule ") + text.count("<sysprepValidate ")
    assert sum(len(one.modules) for one in plan) == modules > 40
    actions = len(re.findall("<(deleteKey|deleteValue|setValue|deleteFile|deleteDirectory) ", text))
    assert sum(len(one.actions) for one in plan) == actions > 40
    assert [one.order for one in plan] == sorted(one.order for one in plan)
    assert not any(one.unknown for one in plan)
    assert {one.architecture for one in plan} == {"amd64", "wow64"}


def test_the_sample_has_the_form_of_the_real_ones() -> None:
    plan = action_file.parse(sample(22631), "Generalize.xml")
    assert plan[0].modules == (Module("spopk.dll", "Sysprep_Generalize_Opk", validate=False),)
    assert {one.architecture for one in plan} == {"amd64", "wow64"}


def test_elements_that_are_not_known_are_named() -> None:
    text = f"<a><imaging>{IDENTITY}<newThing/><fileActions><moveFile/></fileActions></imaging></a>"
    (component,) = action_file.parse(text.encode(), "x")
    assert component.unknown == ("newThing", "moveFile")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not well-formed XML"),
        ("<a><b></a>", "not well-formed XML"),
        ("<a><imaging/></a>", "no assemblyIdentity"),
        (f'<a><imaging>{IDENTITY}<sysprepOrder order="x"/></imaging></a>', "is not a number"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "document type"),
    ],
)
def test_a_bad_action_file_is_refused_with_its_name(text: str, message: str) -> None:
    with pytest.raises(ActionFileError, match=message) as error:
        action_file.parse(text.encode(), r"Windows\Generalize.xml")
    assert r"Windows\Generalize.xml" in error.value.message


def test_an_entity_bomb_is_refused() -> None:
    lines = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    text = f'<!DOCTYPE a [<!ENTITY e0 "xxxxxxxxxx">{lines}]><a>&e11;</a>'
    with pytest.raises(ActionFileError):
        action_file.parse(text.encode(), "x")


def test_a_huge_action_file_is_refused() -> None:
    with pytest.raises(ActionFileError, match="far more than any real one"):
        action_file.parse(b" " * (action_file.MAX_SIZE + 1), "x")
