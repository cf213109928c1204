"""Licenses of the Remote Desktop client."""

from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import session
from tests.providers.judge import judge, run


def test_hardware_id_and_licenses_go_and_their_keys_stay() -> None:
    licensing = {"MSLicensing": {
        "HardwareID": {"ClientHWID": bytes(20), "PlatformID": b"1"},
        "Store": {"LICENSE000": {"ClientLicense": b"x", "ProductVersion": b"y"}},
        "LicenseServers": {"Names": ""},
    }}  # fmt: skip
    one = session(
        Machine(software={"Microsoft": licensing, "WOW6432Node": {"Microsoft": licensing}})
    )
    changed = run("rdp-licenses", one)
    store = r"MSLicensing\Store\LICENSE000"
    assert changed == {
        rf"SOFTWARE\{side}Microsoft\{name}"
        for side in ("", "WOW6432Node\\")
        for name in (r"MSLicensing\HardwareID\ClientHWID", r"MSLicensing\HardwareID\PlatformID",
                     f"{store}\\", rf"{store}\ClientLicense", rf"{store}\ProductVersion")
    }  # fmt: skip
    judge(one)
