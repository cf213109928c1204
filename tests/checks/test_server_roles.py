"""The table of server roles, column by column."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reseal.checks.declaration import Finding
from reseal.checks.server_roles import NO, ROLES, YES, Role, server_roles
from reseal.testing.machine import Machine
from tests.builders import session
from tests.checks.problems import SERVICE

BUILDS = {"2008": 6003, "2008 R2": 7601, "2012": 9200, "2012 R2": 9600}
LATER = {"2016": 14393, "2019": 17763, "2022": 20348, "2025": 26100}


def found(
    build: int, *features: str, services: tuple[str, ...] = (), **machine: Any
) -> list[Finding]:
    """What the check finds on a server."""
    store = {name: {"InstallState": 1} for name in features}
    cache = {"Microsoft": {"ServerManager\\ServicingStorage\\ServerComponentCache": store}}
    installed = {"ControlSet001": {"Services": dict.fromkeys(services, SERVICE)}}
    options: dict[str, Any] = {
        "build": build, "install_type": "Server", "software": cache, "system": installed,
    }  # fmt: skip
    return server_roles(session(Machine(**(options | machine))))


def recognised(role: Role) -> dict[str, tuple[str, ...]]:
    """How a machine has a role: by Server Manager, or else by a service."""
    if role.features:
        return {"features": role.features[:1]}
    return {"services": tuple(name.replace("*", "instance1") for name in role.services[:1])}


@pytest.mark.parametrize("role", [role for role in ROLES if role.features or role.services])
@pytest.mark.parametrize("version", BUILDS)
def test_each_role_in_each_version(role: Role, version: str) -> None:
    how = recognised(role)
    [one] = found(BUILDS[version], *how.get("features", ()), services=how.get("services", ()))
    support = role.support[{"2008": 0, "2008 R2": 1}.get(version, 2)]
    if support is NO:
        assert one.level == "warning"
        assert one.message.startswith(f"{role.name} is installed. Sysprep does not support it")
    elif support is YES:
        assert one.level == ("note" if role.condition else "ok")
    else:
        assert one.level == "note"
        assert "not documented" in one.message


@pytest.mark.parametrize("build", LATER.values(), ids=list(LATER))
def test_of_later_versions_nothing_is_documented(build: int) -> None:
    features = [feature for role in ROLES for feature in role.features]
    [one] = found(build, *features)
    assert one.level == "note"
    assert "not documented for this version of Windows Server" in one.message
    assert set(one.items) == {role.name for role in ROLES if role.features}
    assert not re.search(r"\byes\b|is supported", one.message)


@pytest.mark.parametrize("role", [role for role in ROLES if role.services])
def test_services_tell_where_server_manager_does_not(role: Role) -> None:
    for pattern in role.services:
        [one] = found(7601, services=(pattern.replace("*", "instance1"),))
        assert one.level != "ok" or (role.support[1] is YES and not role.condition)


def test_roles_that_are_not_installed_and_keys_that_are_no_services() -> None:
    """NTDS and W3SVC stand without ImagePath in the hives of real clients."""
    [one] = found(
        9600,
        system={"ControlSet001": {"Services": {"NTDS": {}, "W3SVC": {"Performance": {}}}}},
        software={"Microsoft": {"ServerManager\\ServicingStorage\\ServerComponentCache\\DHCP": {
            "InstallState": 0}}},
    )  # fmt: skip
    assert one.level == "ok"


def test_a_client_has_no_roles() -> None:
    """Fax and IIS are features of clients, too."""
    assert found(7601, services=("Fax", "W3SVC"), install_type="Client")[0].level == "ok"
    options = {"ControlSet001": {"Control": {"ProductOptions": {"ProductType": "WinNT"}}}}
    assert found(9600, "DHCP", system=options)[0].level == "ok"
    options = {"ControlSet001": {"Control": {"ProductOptions": {"ProductType": "ServerNT"}}}}
    assert found(9600, "DHCP", system=options, install_type="Client")[0].level == "warning"


def test_what_is_taken_over_for_r2_is_said() -> None:
    [one] = found(BUILDS["2012 R2"], "AD-Certificate")
    assert "Windows Server 2012 R2 (documented for 2012, assumed for R2)" in one.message
    [plain] = found(BUILDS["2012"], "AD-Certificate")
    assert "in Windows Server 2012:" in plain.message
