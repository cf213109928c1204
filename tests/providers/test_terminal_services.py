"""Remote Desktop host: certificates, grace period and identifier."""

from __future__ import annotations

import re

from reseal.testing.machine import Machine
from tests.builders import session
from tests.providers.judge import judge, run

TERMINAL_SERVER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"
GRACE = "L$RTMTIMEBOMB_1320153D-8DA3-4e8e-B27B-0D888223A588"


def test_what_identifies_the_host_goes_and_its_settings_stay() -> None:
    host = {
        "InstanceID": "c81e48fa-a445-4560-b4aa-62b772d",
        "fDenyTSConnections": 0,
        "RCM": {
            "Certificate": b"c", "X509 Certificate": b"x", "X509 Certificate2": b"x",
            "X509 Certificate ID": b"x", "TSFeatures": 1,
            "GracePeriod": {GRACE: b"t", "other": b"o"},
            "Licensing Core": {"LicensingMode": 4},
            "Secrets": {"L$HYDRAENCKEY_1": b"k"},
        },
    }  # fmt: skip
    control = {"Control": {"Terminal Server": host}}
    one = session(Machine(
        system={"ControlSet001": control, "ControlSet002": control}, control_sets=(1, 2)))  # fmt: skip
    changed = run("terminal-services", one)
    names = {"InstanceID", rf"RCM\GracePeriod\{GRACE}", r"RCM\Certificate", r"RCM\X509 Certificate",
             r"RCM\X509 Certificate2", r"RCM\X509 Certificate ID"}  # fmt: skip
    assert changed == {
        rf"SYSTEM\ControlSet00{number}\Control\Terminal Server\{name}"
        for number in (1, 2) for name in names
    }  # fmt: skip
    new = one.registry.text(TERMINAL_SERVER, "InstanceID")
    assert new
    assert new != host["InstanceID"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{7}", new)
    judge(one)
