from __future__ import annotations

from pathlib import Path

import pytest

from reseal.providers.plugins import own
from reseal.sysprep.action_file import parse
from reseal.sysprep.entry_points import REASONS, Disposition, coverage
from reseal.sysprep.plan import Phase, Plan

#: Entry points of devices, networks, sessions and boot.
OF_OTHER_AREAS = {
    "sppnp.dll", "spnet.dll", "iphlpsvc.dll", "ncdautosetup.dll", "tssysprep.dll", "spbcd.dll",
    "reagent.dll", "powrprof.dll",
}  # fmt: skip


@pytest.mark.parametrize("what", list(REASONS))
def test_every_reason_is_a_sentence_and_nothing_is_listed_twice(what: Disposition) -> None:
    emulated = {name.lower() for one in own() for name in one.entry_points}
    others = {name for other, table in REASONS.items() if other is not what for name in table}
    for name, reason in REASONS[what].items():
        assert name == name.lower()
        assert name.count(",") == 1
        assert name not in emulated
        assert name not in others
        assert reason[0].isupper()
        assert reason.endswith(".")


@pytest.mark.parametrize("build", [17134, 18362])
def test_real_plans_hold_no_unknown_software(corpus: Path, build: int) -> None:
    name = f"Generalize-{build}.xml"
    components = parse((corpus / "actionfiles" / name).read_bytes(), name)
    plan = Plan({Phase.GENERALIZE: components})
    found = coverage(plan)
    assert {one.partition(",")[0] for one in found.unknown} <= OF_OTHER_AREAS
    assert found.disabled == []
    without = coverage(plan, [one for one in own() if one.id != "windows-update"])
    assert without.disabled == ["wuaueng.dll,GeneralizeForImaging"]
