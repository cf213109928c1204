"""An operation from the opening of an image to its record."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from reseal.errors import ResealError, UsageError
from reseal.operations import (
    Boot,
    BootRequest,
    Customize,
    CustomizeRequest,
    Generalize,
    GeneralizeRequest,
    Specialize,
    SpecializeRequest,
    Writing,
    run,
)
from reseal.operations.check import check, exit_code
from reseal.operations.operation import Opening, Operation
from reseal.operations.verify import compare
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.end_to_end.test_record import problems


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "image.qcow2"
    windows(path, Machine(), size=48 << 20)
    return path


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dry_run": True, "output": Path("a.qcow2")}, "takes no --output"),
        ({"thin": True}, "needs --output"),
    ],
    ids=str,
)
def test_where_an_image_goes_is_checked_at_once(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Writing(**options)


def test_the_whole_order_and_a_second_time(golden: Path, tmp_path: Path) -> None:
    image = Path(shutil.copyfile(golden, tmp_path / "image.qcow2"))
    identity = tmp_path / "identity.json"
    messages: list[dict[str, object]] = []
    request = GeneralizeRequest(
        target="audit", steps=(("mkdir", r"C:\Install"),), save_identity=identity, sid_now=True
    )
    record = run(image, Generalize(request), on_message=messages.append)
    assert problems(dict(record)) == []
    assert (record["result"], record["target"]) == ("generalized", "audit")
    assert record["proved"][0].startswith("State:")
    assert record["proved"][1].startswith("Identity:")
    steps = [one["step"] for one in messages if "step" in one]
    order = ["Customizing: mkdir", "Running the plan", "Replacing the SID in hives", "Writing"]
    assert [one for one in steps if one in order] == order
    identity.unlink()
    again = run(image, Generalize(request), Writing(dry_run=True))
    assert (again["result"], again["sid"]) == ("already generalized", None)
    assert not identity.exists()


def test_a_dry_run_writes_nothing_and_says_so(golden: Path, tmp_path: Path) -> None:
    before, copied = golden.read_bytes(), tmp_path / "hosts"
    steps = (("copy-out", r"C:\Windows\System32\config\SOFTWARE", str(copied)), ("mkdir", "/a"))
    operations: tuple[Operation[Any], ...] = (
        Generalize(GeneralizeRequest(steps=steps)),
        Customize(CustomizeRequest(steps=steps)),
        Specialize(SpecializeRequest(computer_name="WS-1")),
    )
    for operation in operations:
        record = run(golden, operation, Writing(dry_run=True))
        assert record["result"] == "dry run"
        assert record["changes"]
    assert golden.read_bytes() == before
    assert not list(tmp_path.iterdir())


def test_what_an_operation_made_for_itself_is_gone_after_an_error(
    golden: Path, tmp_path: Path
) -> None:
    steps = (("copy-out", r"C:\None", str(tmp_path / "none")),)
    with pytest.raises(ResealError, match="copy-out"):
        run(golden, Customize(CustomizeRequest(steps=steps)))
    assert not list(tmp_path.iterdir())


def test_a_new_image_leaves_the_old_one(golden: Path, tmp_path: Path) -> None:
    before = golden.read_bytes()
    output = tmp_path / "new.qcow2"
    record = run(
        golden, Customize(CustomizeRequest(steps=(("mkdir", "/a"),))), Writing(output=output)
    )
    assert (record["result"], record["copied_out"]) == ("customized", [])
    assert output.exists()
    assert golden.read_bytes() == before


def test_an_image_in_no_state_to_boot_is_refused(golden: Path) -> None:
    before = golden.read_bytes()
    with pytest.raises(UsageError, match="Say one of"):
        Boot(BootRequest())
    with pytest.raises(UsageError, match="servicing is not known here"):
        Boot(BootRequest(audit=True, force=("servicing",)))
    assert golden.read_bytes() == before


def test_looks_take_the_windows_that_was_chosen(golden: Path) -> None:
    found = check(golden, Opening(volume="1"))
    assert exit_code(found) == 0
    with pytest.raises(ResealError, match="no Windows in volume 7"):
        check(golden, Opening(volume="7"))
    with pytest.raises(UsageError, match="none"):
        check(golden, force=["none"])
    with pytest.raises(UsageError, match="only one image"):
        compare([golden, golden])
