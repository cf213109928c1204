"""What stays because its provider does not run: named, and left as it is."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.operations.generalize import Generalize, GeneralizeRequest
from reseal.proof import known
from reseal.proof.comparison import compare
from reseal.proof.identity import Kind
from reseal.providers.plugins import every
from reseal.providers.selection import select
from reseal.testing.machine import Machine
from tests.builders import session, state
from tests.providers.test_agents import AGENT_CASES, nested

OFF = [one.id for one in every() if not one.default]
PUPPET = nested(r"ProgramData\PuppetLabs\puppet\etc\ssl\private_keys", {"pc.pem": b"a private key"})
SALT = nested(r"ProgramData\Salt Project\Salt\conf\pki\minion", {"minion.pem": b"a private key"})


@pytest.mark.parametrize("name", [one for one in OFF if one in AGENT_CASES])
def test_what_an_agent_has_is_named_and_stays(name: str) -> None:
    machine, changes = AGENT_CASES[name]
    one = session(Machine(**machine))
    before = state(one)
    (found,) = known.kept(one.installation)
    assert (found.provider, found.option) == (name, f"--enable {name}")
    assert found.places == len(found.targets) <= len(changes)
    assert f"--enable {name} removes it" in found.sentence
    assert state(one) == before
    assert not one.changes
    assert one.files.empty


def test_what_runs_is_not_named() -> None:
    machine, _ = AGENT_CASES["wazuh"]
    one = session(Machine(**machine))
    assert known.kept(one.installation, select(enable=["wazuh"])) == []
    assert [each.provider for each in known.kept(one.installation, select())] == ["wazuh"]
    assert known.kept(session().installation) == []


def test_one_that_was_disabled_looks_too() -> None:
    chosen = select(disable=["machine-guid"])
    (found,) = known.kept(session().installation, chosen)
    assert (found.provider, found.option) == ("machine-guid", "--disable machine-guid")
    assert any("MachineGuid" in one for one in found.targets)


@pytest.mark.parametrize(("enable", "noted"), [((), True), (("wazuh",), False)])
def test_generalize_says_what_stays_and_how_it_goes(
    enable: tuple[str, ...], *, noted: bool
) -> None:
    machine, _ = AGENT_CASES["wazuh"]
    operation = Generalize(GeneralizeRequest(enable=enable))
    one = session(Machine(**machine), switches=operation.needs["switches"])
    record = operation.stage(one)
    assert bool(record["kept"]) == noted
    told = [
        f"{each['message']} {each['items']} {each['hint']}"
        for each in record["checks"]
        if each["level"] == "warning"
    ]
    said = [text for text in (*told, *one.notes) if "client.keys" in text]
    # Once, by the check.
    assert len(said) == noted
    assert all("--enable wazuh" in text for text in said)


@pytest.mark.parametrize("files", [PUPPET, SALT], ids=["puppet", "salt"])
def test_keys_in_folders_are_compared_by_content(files: dict[str, Any]) -> None:
    images = []
    for number in range(2):
        found = known.identities(session(Machine(files=files)).installation)
        assert found
        images.append({
            "path": str(number), "generalized": True, "new_sid_at_next_boot": True, "identities": [
                {"kind": Kind.AGENT.value, "value": str(each)} for each in found]})  # fmt: skip
    assert compare(images)["result"] == "identities shared"


def test_a_copy_of_an_installation_has_hives_of_its_own() -> None:
    one = session()
    one.set_text(r"HKLM\SOFTWARE\Example", "Text", "staged")
    copy = one.installation.copy()
    assert copy.registry.text(r"HKLM\SOFTWARE\Example", "Text") == "staged"
    other = type(one)(copy)
    other.set_text(r"HKLM\SOFTWARE\Example", "Text", "thrown away")
    assert one.registry.text(r"HKLM\SOFTWARE\Example", "Text") == "staged"
