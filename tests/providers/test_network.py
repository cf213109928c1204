"""Network adapters that are gone: their keys, bindings and leases."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from reseal.providers.network import network
from reseal.providers.network.adapters import ADAPTER_CLASS, GUID
from reseal.providers.pnp import pnp
from reseal.session import Session
from reseal.testing.drivers import multi
from reseal.testing.machine import Machine
from tests.builders import State, difference, session, state
from tests.providers.hardware import nested
from tests.providers.judge import WINDOWS_7_DOMAIN, WINDOWS_10, compare, judge, real, run

OLD = "{08BA0CD8-E98C-475C-BADF-65130C043BD6}"
OLDER = "{698E50A9-4F58-4D86-B61D-F42E58DCACF6}"
HERE = "{FDB7208D-495C-4214-BE89-A57DDD46F1CE}"
FILTER = "{B5F4D659-7DAA-4565-8E41-BE220ED60542}"
TCPIP = "{43504950-0054-0000-4396-F76B563A898A}"
PROTOCOLS = "{4d36e975-e325-11ce-bfc1-08002be10318}"
LEASE = {
    "DhcpIPAddress": "192.0.2.9", "DhcpServer": "192.0.2.1", "Lease": 3600, "T1": 1, "T2": 2,
    "LeaseObtainedTime": 5, "LeaseTerminatesTime": 9, "EnableDHCP": 1,
    "DhcpConnForceBroadcastFlag": 0, "NameServer": "192.0.2.53",
}  # fmt: skip


def _control_set() -> dict[str, Any]:
    adapters = (OLD, OLDER, HERE)
    linkage = {
        "Bind": multi(*(rf"\Device\Tcpip_{one}" for one in adapters), r"\Device\NetbiosSmb"),
        "Export": multi(*(rf"\Device\NetBT_Tcpip_{one}" for one in adapters), "x"),
        "Route": multi(*(f'"Tcpip" "{one}"' for one in adapters), '"NetbiosSmb"'),
    }
    lanas = {**linkage, "LanaMap": bytes((1, 0, 1, 1, 1, 5, 0, 7))}
    interfaces = {one.lower(): dict(LEASE) for one in adapters}
    interfaces[HERE.lower()]["486F6D65"] = {"DhcpIPAddress": "192.0.2.10"}
    interfaces["{5c3108a9-31c0-11e8-9b10-806e6f6e6963}"] = {}
    return {
        "Control": {
            "Class": {ADAPTER_CLASS: {"0000": {"NetCfgInstanceId": HERE}, "Properties": {}}},
            **nested({
                rf"Network\{ADAPTER_CLASS}": {
                    "Descriptions": {"Intel(R)": multi("1")},
                    **{one: {"Connection": {"Name": "Ethernet"}} for one in adapters}},
                rf"Network\{PROTOCOLS}\{TCPIP}\Linkage": linkage,
                r"NetworkSetup2\Interfaces": {one: {"Kernel": {"a": 1}} for one in adapters},
            }),
        },
        "Services": {
            "Tcpip": {
                "Parameters": {
                    "Interfaces": interfaces,
                    "Adapters": {OLD: {"LLInterface": ""}, HERE: {"LLInterface": ""}},
                    "DhcpNameServer": "192.0.2.1", "Domain": "",
                    "Winsock": {},
                },
                "Linkage": linkage,
            },
            "Tcpip6": {"Parameters": {
                "Dhcpv6DUID": b"duid", "Dhcpv6DNSServers": b"dns",
                "Interfaces": {OLD: {"Dhcpv6Iaid": 7}, HERE: {"Dhcpv6Iaid": 8, "Keep": 1}},
            }},
            "NetBT": {"Parameters": {"Interfaces": {
                f"Tcpip_{one}": {"NetbiosOptions": 0} for one in adapters}}},
            "NetBIOS": {"Linkage": {**lanas, "Disabled": linkage}},
            "acmefilter": {"Parameters": {"NdisAdapters": {OLD: {"State": 1}, HERE: {"State": 1}}}},
            "iphlpsvc": {"Parameters": {"Teredo": {
                "{AD80A60B-96F2-4B2D-ACE6-B7A81729FF0E}": {"InterfaceName": "Teredo"}}}},
            OLDER: {"Parameters": {"Tcpip": {"IPAddress": multi("192.0.2.7")}}},
            "disk": {"Start": 0},
        },
    }  # fmt: skip


def _run(system: dict[str, Any] | None = None) -> tuple[Session, set[str]]:
    one = session(Machine(system=system or {"ControlSet001": _control_set()}))
    return one, run("network", one)


def _named(one: Session) -> set[str]:
    """Every GUID that the SYSTEM hive names in keys and lists."""
    found: set[str] = set()
    for path, value in state(one)["SYSTEM"].items():
        data = value[1].decode("utf-16-le", "replace") if value else ""
        found |= {guid.upper() for guid in GUID.findall(path) + GUID.findall(data)}
    return found


def test_adapters_that_are_gone_are_named_nowhere_and_the_others_stay() -> None:
    one, _ = _run()
    named = _named(one)
    assert not {OLD, OLDER} & named
    assert HERE in named
    judge(one, reader="hivex")


def test_nothing_else_changes() -> None:
    _, changed = _run()
    lists = r"\\Linkage(\\Disabled)?\\(Bind|Export|Route|LanaMap)$"
    leases = rf"(?i)\\Tcpip6?\\Parameters\\(Interfaces\\{re.escape(HERE)}\\)?(486F6D65.*|Lease.*|T1|T2|Dhcp.*)$"  # noqa: E501
    for path in changed:
        assert OLD in path.upper() or OLDER in path.upper() or re.search(lists, path) or re.search(
            leases, path), path  # fmt: skip


def test_bindings_keep_their_order_and_their_numbers() -> None:
    one, _ = _run()
    path = r"HKLM\SYSTEM\ControlSet001\Services\NetBIOS\Linkage"
    value = one.registry.value
    assert value(path, "Bind") == [rf"\Device\Tcpip_{HERE}", r"\Device\NetbiosSmb"]
    assert value(path, "Export") == [rf"\Device\NetBT_Tcpip_{HERE}", "x"]
    assert value(path, "Route") == [f'"Tcpip" "{HERE}"', '"NetbiosSmb"']
    assert value(path, "LanaMap") == bytes((1, 5, 0, 7))
    assert value(rf"{path}\Disabled", "Route") == [f'"Tcpip" "{HERE}"', '"NetbiosSmb"']


def test_a_lana_map_that_does_not_match_its_list_is_left_alone() -> None:
    system = {"ControlSet001": _control_set()}
    system["ControlSet001"]["Services"]["NetBIOS"]["Linkage"]["LanaMap"] = b"odd"
    one, _ = _run(system)
    path = r"HKLM\SYSTEM\ControlSet001\Services\NetBIOS\Linkage"
    assert one.registry.value(path, "LanaMap") == b"odd"


def test_leases_go_and_what_a_person_set_stays() -> None:
    one, _ = _run()
    parameters = r"HKLM\SYSTEM\ControlSet001\Services\Tcpip\Parameters"
    key = one.registry.key(rf"{parameters}\Interfaces\{HERE}")
    assert key
    assert {value.name for value in key.values()} == {
        "EnableDHCP", "DhcpConnForceBroadcastFlag", "NameServer"}  # fmt: skip
    assert list(key.subkeys()) == []
    assert one.registry.value(parameters, "DhcpNameServer") is None
    six = r"HKLM\SYSTEM\ControlSet001\Services\Tcpip6\Parameters"
    assert one.registry.value(six, "Dhcpv6DUID") == b"duid"
    assert one.registry.value(six, "Dhcpv6DNSServers") is None


def test_an_interface_that_holds_nothing_stays() -> None:
    one, _ = _run()
    parameters = r"HKLM\SYSTEM\ControlSet001\Services\Tcpip\Parameters"
    name = "{5c3108a9-31c0-11e8-9b10-806e6f6e6963}"
    assert one.registry.key(rf"{parameters}\Interfaces\{name}") is not None


def test_without_the_adapters_class_nothing_counts_as_gone() -> None:
    system = {"ControlSet001": _control_set()}
    del system["ControlSet001"]["Control"]["Class"]
    one, _ = _run(system)
    assert {OLD, OLDER, HERE} <= _named(one)


def test_running_it_again_changes_nothing() -> None:
    one, _ = _run()
    count = len(one.changes)
    network(one)
    assert len(one.changes) == count


def test_wifi_profiles_go_with_their_keys() -> None:
    profile = {"{5E2}": {"{profile}.xml": b"<WLANProfile/>"}, "note.txt": b"keep"}
    interfaces = {"WlanSvc": {"Interfaces": {OLD: {"Profiles": {"x": {"MetaData": {"a": 1}}}}}}}
    one = session(Machine(
        files={"ProgramData": {"Microsoft": {"Wlansvc": {"Profiles": {"Interfaces": profile}}}}},
        software={"Microsoft": interfaces},
    ))  # fmt: skip
    changed = run("wifi-profiles", one)
    folder = r"ProgramData\Microsoft\Wlansvc\Profiles\Interfaces"
    assert [entry.name for entry in one.files.list(folder)] == ["note.txt"]
    assert one.registry.key(r"HKLM\SOFTWARE\Microsoft\WlanSvc\Interfaces") is not None
    assert all(rf"SOFTWARE\Microsoft\WlanSvc\Interfaces\{OLD}" in path for path in changed)
    judge(one)


#: Where Windows 7 keeps adapters in binary or numbered form, and the names of ISATAP tunnels, whose
#: devices are of the system: they stay.
_UNTOUCHED = re.compile(
    r"\\Control\\Network\\Config$|\\Control\\Nsi\\|\\Control\\Network\\Uninstalled\\"
    r"|\\Winsock2?\\|\\RemoteAccess\\Interfaces\\|\\Enum\\SWD\\|##\?#SWD#|SWD\\RADIO\\"
    r"|\\Isatap\\.*\\InterfaceName$|\\Connection\\Name$",
    re.IGNORECASE,
)


@pytest.mark.corpus
@pytest.mark.parametrize(("name", "adapters"), [(WINDOWS_10, 5), (WINDOWS_7_DOMAIN, 3)])
def test_real_hives(corpus: Path, name: str, adapters: int) -> None:
    one = real(corpus, name)
    before_devices = _adapters(state(one))
    pnp(one)
    before, after = compare("network", one)
    gone = before_devices - _adapters(after)
    assert len(gone) == adapters
    assert {place for place in _places(after, gone) if not _UNTOUCHED.search(place)} == set()
    there = _adapters(after)
    for path in difference(before, after):
        guid = GUID.search(path.replace(ADAPTER_CLASS.upper(), ""))
        assert (
            re.search(r"\\Linkage\\(Disabled\\)?(Bind|Export|Route|LanaMap)$", path)
            or (guid and guid[0].upper() not in there)
            or re.search(r"(?i)\\Tcpip6?\\Parameters\\(Interfaces\\.*\\)?(Dhcp|Lease|T[12]$)", path)
        ), path
    _lists_shrink_only(before, after)
    judge(one, reader="hivex")


def _adapters(found: State) -> set[str]:
    """The GUIDs of the adapters that have a key of their class."""
    return {
        value[1].decode("utf-16-le").rstrip("\0").upper()
        for path, value in found["SYSTEM"].items()
        if value and ADAPTER_CLASS in path.lower() and path.endswith("NetCfgInstanceId")
    }


def _places(found: State, guids: set[str]) -> set[str]:
    """The places that name one of these GUIDs, as text or binary."""
    raw = [uuid.UUID(guid).bytes_le for guid in guids]
    places: set[str] = set()
    for path, value in found["SYSTEM"].items():
        data = value[1] if value else b""
        text = f"{path}\n{data.decode('utf-16-le', 'replace')}".upper()
        if any(guid in text for guid in guids) or any(one in data for one in raw):
            places.add(path)
    return places


def _lists_shrink_only(before: State, after: State) -> None:
    """What is left of a binding list is in the old order."""
    for path, value in after["SYSTEM"].items():
        if value and value[0] == 7 and "\\Linkage\\" in path:
            old = before["SYSTEM"][path]
            assert old
            entries = iter(old[1].decode("utf-16-le").split("\0"))
            assert all(entry in entries for entry in value[1].decode("utf-16-le").split("\0"))
