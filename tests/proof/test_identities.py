"""A machine that has every identity at once: before it is generalized, after it, and two copies of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reseal.operations.inspect import inspection
from reseal.proof import comparison
from reseal.proof.identity import Kind
from reseal.proof.verification import verify
from reseal.providers.agents import AGENTS
from reseal.providers.identities import find
from reseal.providers.plugins import own
from reseal.providers.selection import select
from reseal.report import text, verification
from reseal.run.opening import Found
from reseal.session import Session
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import Machine
from reseal.testing.memory import MemoryTree
from reseal.windows import Installation
from tests.builders import CLEAN, session
from tests.checks.problems import merged, version
from tests.providers import test_dsc, test_iscsi_initiator, test_windows_laps
from tests.providers.test_agents import AGENT_CASES, files, nested
from tests.providers.test_cloud_join import joined
from tests.providers.test_hyperv_mac_pool import CONTENT, PATH
from tests.providers.test_machine_certificates import blob, machine
from tests.providers.test_windows_hello import NGC, PCPKSP

#: Providers that do not remove an identity that the sample machine can be given here.
WITHOUT = {"telemetry-id", "windows-update", "rdp-certificate"}
ALL = {one.id for one in own() if one.identity}
OFF = tuple(one.id for one in own() if one.identity and not one.default)


def everything() -> Machine:
    """The machine: every agent, and every identity of Windows that a provider removes."""
    parts = [
        *(case for name, (case, _) in AGENT_CASES.items() if name != "crowdstrike"),
        fields(joined((1,))), fields(machine({"AB" * 20: blob("te-of a listener")})), test_dsc.MACHINE,
        {"software": nested(PATH, CONTENT)},
        {"software": nested(test_windows_laps.PATH, test_windows_laps.CONTENT)},
        {"software": nested(test_iscsi_initiator.PATH, test_iscsi_initiator.CONTENT)},
        {"files": files(rf"{NGC}\{{1}}\1.dat", rf"{PCPKSP}\0a1b\2c.PCPKEY")},
        {"system": AGENT_CASES["crowdstrike"][0]["system"]},
    ]  # fmt: skip
    whole: dict[str, Any] = {}
    for part in parts:
        whole = merged(whole, {name: part[name] for name in part if name in _FIELDS})
    whole |= {name: longer(whole[name]) for name in ("files", "software")}
    return Machine(**whole)


_FIELDS = ("files", "system", "software")


def fields(one: Machine) -> dict[str, Any]:
    """The parts of a machine."""
    return {name: getattr(one, name) for name in _FIELDS}


def longer(spec: Any) -> Any:
    """Files and values whose content no other machine has by chance."""
    if isinstance(spec, dict):
        return {name: longer(one) for name, one in spec.items()}
    if isinstance(spec, str) and len(spec) < 8:
        return f"{spec} of one machine"
    if isinstance(spec, bytes) and len(spec) < 8:
        return spec + b" of one machine"
    return spec


@pytest.fixture(scope="module")
def generalized() -> MemoryTree:
    """The image after a run that removes everything."""
    return run(everything(), OFF)


def run(one: Machine, enable: tuple[str, ...]) -> MemoryTree:
    """Generalize a machine in memory."""
    switches = frozenset(f"enable:{name}" for name in enable)
    opened = session(one, switches=switches)
    assert generalize(opened, providers=select(enable)).result == "generalized"
    tree = opened.installation.tree
    assert isinstance(tree, MemoryTree)
    opened.commit(tree)
    return tree


def found(tree: MemoryTree) -> Found:
    """An image as operations open it."""
    return Found(Installation(tree, "Windows", volume=1))


def test_every_provider_finds_its_identity_in_the_machine() -> None:
    one = session(everything())
    ids = {each.provider.id for each in find(one.installation)}
    assert ids == ALL - WITHOUT
    assert {each.id for each in AGENTS if each.identity} <= ids


def test_inspect_names_each_with_the_option_that_removes_it() -> None:
    one = session(everything())
    record = inspection([Found(one.installation)], None, "image")
    assert {each["provider"] for each in record["identities"]} == ALL - WITHOUT
    image = {"path": "x", "format": "raw", "size": None}
    shown = "\n".join(text.inspection({"image": image, **record}, verbose=True))
    for each in own():
        if each.id in ALL - WITHOUT:
            assert each.identity in shown
    assert "the AnyDesk id (3 places; reseal generalize --enable anydesk)" in " ".join(
        shown.split()
    )


def test_after_a_run_that_removes_all_of_them_none_is_left(generalized: MemoryTree) -> None:
    assert find(found(generalized).installation) == []
    record = verify(found(generalized), None)
    assert record["identities"] == []
    assert "still holds" not in record["statement"]


def test_a_second_run_changes_nothing(generalized: MemoryTree) -> None:
    again = Session(Installation(generalized, "Windows", volume=1), volume_state=CLEAN)
    outcome = generalize(again, providers=select(OFF))
    assert outcome.result == "already generalized"
    assert again.changes == []


def test_two_copies_share_nothing_that_the_first_boot_is_not_known_to_replace(
    generalized: MemoryTree,
) -> None:
    images = [{"path": name, **comparison.facts(found(generalized))} for name in ("a", "b")]
    record = comparison.compare(images)
    kinds = {row["kind"] for row in record["shared"]}
    assert Kind.AGENT not in kinds
    assert {Kind.SID, Kind.NAME, Kind.MACHINE_GUID} <= kinds
    assert "left behind" not in {row["verdict"] for row in record["shared"]}
    assert record["result"] == "shared until the first boot"


def test_two_copies_that_were_not_generalized_share_every_identity() -> None:
    one = session(everything()).installation
    images = [{"path": name, **comparison.facts(Found(one))} for name in ("a", "b")]
    rows = [row for row in comparison.compare(images)["shared"] if row["kind"] == Kind.AGENT]
    shared = {str(row["value"]).partition(":")[0] for row in rows}
    # An id of four digits, and a host name in a configuration, may be equal by chance.
    assert shared >= ALL - WITHOUT - {"defender"}
    assert {row["verdict"] for row in rows} == {"left behind"}


def lines(record: dict[str, Any]) -> Iterator[str]:
    """What `reseal verify --verbose` prints."""
    return verification.verification(record, verbose=True)


def test_what_a_default_run_leaves_is_named_by_verify() -> None:
    record = verify(found(run(everything(), ())), None)
    assert {one["provider"] for one in record["identities"]} == set(OFF)
    assert record["result"] != "clean"
    shown = "\n".join(lines(record))
    for name in OFF:
        assert f"`reseal generalize --enable {name}` removes it." in shown
    assert record["statement"].count("It still holds ") == 1
    for one in record["identities"]:
        assert one["what"] in record["statement"]


def test_vendors_of_sysprep_providers_are_named_in_the_run() -> None:
    external = nested(r"Microsoft\Windows\CurrentVersion\Setup\SysPrepExternal", {
        "Generalize": {"{X}": r"C:\Tools\agent.dll,Prepare"},
        "Cleanup": {"{Y}": r"C:\Windows\System32\DscCore.dll,SysPrep_Cleanup",
                    "{Z}": r"VMAgentDisabler.dll,Execute"},
    })  # fmt: skip
    one = session(Machine(
        software=external, files=nested(r"Tools\agent.dll", b"MZ" + version("Contoso"))
    ))  # fmt: skip
    outcome = generalize(one)
    (note,) = [note for note in one.notes if note.startswith("Third parties")]
    assert "agent.dll,Prepare of Contoso (Generalize)" in note
    assert "vmagentdisabler.dll,Execute of Microsoft (Azure VM agent) (Cleanup)" in note
    assert "dsccore" not in note
    assert "dsccore.dll,SysPrep_Cleanup" in outcome.coverage.emulated
