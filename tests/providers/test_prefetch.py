from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect

NAMES = (
    "BootPlan", "ReadyBootVolumeUniqueId", "ReadyBootPlanAge", "LastBootPlanUserTime",
    "EffectivePends", "BootCountwithPends",
)  # fmt: skip


def test_traces_boot_plans_and_known_drives_go_in_every_control_set() -> None:
    boost = {"Parameters": {**dict.fromkeys(NAMES, 1), "Keep": 1}, "Start": 0}
    system = {f"ControlSet00{number}": {"Services": {"RdyBoost": boost}} for number in (1, 2)}
    drives = {"_??_USBSTOR#Disk&Ven_X#1234": {"DeviceStatus": 2}}
    machine = Machine(
        control_sets=(1, 2),
        system=system,
        software={"Microsoft": {"Windows NT": {"CurrentVersion": {"EMDMgmt": drives}}}},
        files={"Windows": {"Prefetch": {
            "CMD.EXE-12.pf": b"MAM", "ReadyBoot": {"Trace1.fx": b"t"}, "Layout.ini": b"l",
        }}},
    )  # fmt: skip
    known = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\EMDMgmt\\"
    assert effect("prefetch", machine).changes == {
        *(
            rf"SYSTEM\ControlSet00{number}\Services\RdyBoost\Parameters\{name}"
            for number in (1, 2)
            for name in NAMES
        ),
        known,
        known + "_??_USBSTOR#Disk&Ven_X#1234\\",
        known + r"_??_USBSTOR#Disk&Ven_X#1234\DeviceStatus",
        r"-Windows\Prefetch\CMD.EXE-12.pf",
        r"-Windows\Prefetch\Layout.ini",
        r"-Windows\Prefetch\ReadyBoot\Trace1.fx",
    }
