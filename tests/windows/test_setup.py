"""The request that has setupcl.exe replace the machine's SID, in both values that start it."""

from __future__ import annotations

import pytest

from reseal import checks
from reseal.checks import Level
from reseal.proof.armed import armed
from reseal.providers.machine_sid import machine_sid
from reseal.session import Session
from reseal.sid.pending import Pending, pend, withdraw
from reseal.specialize import Specialization, Wish
from reseal.testing.machine import Machine
from reseal.windows import Sid, setup
from tests.builders import session

MANAGER = r"HKLM\SYSTEM\{}\Control\Session Manager"


def _asked(supported: int | None = 1, flags: int = 4, *others: str) -> Session:
    """A machine whose request is started by SETUPEXECUTENOPNPSYNC."""
    manager = {"Session Manager": {"SETUPEXECUTENOPNPSYNC": ["SetupCl.exe", *others]}}
    request = {"PendingRequest": {"OperationFlags": flags}}
    knows = (
        {"Session Manager": {"SupportedOneTimeExecution": supported}}
        if supported is not None
        else {}
    )
    return session(
        Machine(
            control_sets=(1, 2),
            system={
                "ControlSet001": {"Control": manager},
                "ControlSet002": {"Control": manager},
                "Setup": {"SetupCl": request | knows},
            },
        )
    )


@pytest.mark.parametrize(
    ("supported", "flags", "pending"),
    [(1, 4, True), (3, 4, True), (2, 4, False), (0, 4, False), (None, 4, False), (1, 2, False)],
)
def test_the_second_value_counts_where_the_session_manager_reads_it(
    supported: int | None, flags: int, pending: bool
) -> None:
    one = _asked(supported, flags)
    assert setup.new_sid_pending(one.registry) is pending
    assert Pending.of(one.registry).requested is pending


def test_a_machine_made_from_such_an_image_gets_its_sid_at_the_next_boot() -> None:
    outcome = Specialization(Wish(computer_name="WS-001"))(_asked())
    assert (outcome.machine_sid, outcome.sid_when) == (None, "next boot")


def test_verify_takes_the_second_value_for_the_first() -> None:
    def found(one: Session) -> dict[str, bool]:
        return {
            part.target: part.correct
            for part in armed(one.installation)
            if "SETUPEXECUTE" in part.target
        }

    names = [MANAGER.format(f"ControlSet00{number}") for number in (1, 2)]
    assert found(_asked()) == {rf"{name}\\SETUPEXECUTENOPNPSYNC": True for name in names}
    assert found(_asked(None)) == {rf"{name}\\SETUPEXECUTE": False for name in names}
    both = _asked()
    machine_sid(both)
    assert all(found(both)[rf"{name}\\SETUPEXECUTE"] for name in names)


@pytest.mark.parametrize("flags", [0x7F04, 0x4004, 0x14, 0x2000])
def test_a_request_still_to_be_carried_out_keeps_its_bits_and_operands(flags: int) -> None:
    one = _asked(1, flags)
    path = setup.PENDING_REQUEST
    one.set_text(path, "OsDrivePath", r"\Device\X")
    one.set_value(path, setup.SID_OLD, 3, b"old")
    one.set_value(path, setup.SID_NEW, 3, b"new")
    machine_sid(one)
    key = one.registry.key(path)
    assert key
    assert {value.name: value.decoded for value in key.values()} == {
        "OperationFlags": flags | 4, "OsDrivePath": r"\Device\X", setup.SID_OLD: b"old",
    }  # fmt: skip
    assert all(part.correct for part in armed(one.installation) if "SetupCl" in part.target)
    assert any(f"{flags | 4:#x}" in note and "inferred" in note for note in one.notes)
    assert any("preset a SID" in note for note in one.notes)


@pytest.mark.parametrize(("forced", "left"), [((), 0x4004), (("setupcl-request",), 0x4005)])
def test_new_disk_signatures_are_asked_for_only_by_force(
    forced: tuple[str, ...], left: int
) -> None:
    one = _asked(1, 0x4005)
    one.switches |= checks.force(forced)
    [found] = [
        each for each in checks.run(one) if each.check == "setupcl-request"
    ]  # said whether forced or not
    assert found.level is Level.WARNING
    assert "0x4005" in found.message
    machine_sid(one)
    assert one.registry.number(setup.PENDING_REQUEST, "OperationFlags") == left
    assert any("0x1" in note for note in one.notes) == (not forced)


@pytest.mark.parametrize(
    ("flags", "left"), [(4, None), (0x7F04, None), (0x14, 0x10), (0x7F14, 0x7F10)]
)
def test_a_withdrawn_request_leaves_only_what_asks_for_something_else(
    flags: int, left: int | None
) -> None:
    one = _asked(1, flags, "other.exe")
    one.set_value(setup.PENDING_REQUEST, setup.SID_OLD, 3, b"old")
    withdraw(one)
    assert not setup.new_sid_pending(one.registry)
    assert one.registry.number(setup.PENDING_REQUEST, "OperationFlags") == left
    assert one.registry.value(setup.PENDING_REQUEST, setup.SID_OLD) is None
    started = one.registry.value(MANAGER.format("ControlSet001"), "SETUPEXECUTENOPNPSYNC")
    assert started == (["other.exe"] if left is None else ["SetupCl.exe", "other.exe"])


def test_a_clone_keeps_the_bits_of_its_golden_image() -> None:
    one = _asked(1, 0x7F04)
    new = Sid.parse("S-1-5-21-1-2-3")
    pend(one, new)
    assert one.registry.number(setup.PENDING_REQUEST, "OperationFlags") == 0x7F04
    assert Pending.of(one.registry).chosen == new


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (b"[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n", "IMAGE_STATE_COMPLETE"),
        (b'[State]\r\nImageState="IMAGE_STATE_COMPLETE"\r\n', "IMAGE_STATE_COMPLETE"),
        (b"[state]\nimagestate = IMAGE_STATE_COMPLETE", "IMAGE_STATE_COMPLETE"),
        ("[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n".encode("utf-16"), "IMAGE_STATE_COMPLETE"),
        (b"[State]\r\n", None),
        (b"", None),
        (b"\xff\xfe\xff", None),
    ],
)
def test_state_ini_is_read_with_and_without_quotes(content: bytes, state: str | None) -> None:
    """Finished images have it without quotes (seen); the documentation shows quotes."""
    assert setup.state_in(content) == state
