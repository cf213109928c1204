"""Driver paths of offlineServicing: what has a folder here is added, all else is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from reseal.errors import UsageError
from reseal.regf import types
from reseal.sysprep.generalize import generalize
from reseal.unattend import apply as unattend
from reseal.unattend.apply import Request
from reseal.unattend.drivers import folders
from tests.answerfile.samples import component, document, settings
from tests.answerfile.samples import unattend as answers
from tests.builders import session
from tests.end_to_end.judges import agreed

DRIVERS = "Microsoft-Windows-PnpCustomizationsNonWinPE"
INF = r"""[Version]
Signature="$WINDOWS NT$"
Class=Ports
ClassGuid={4D36E978-E325-11CE-BFC1-08002BE10318}
Provider=Fabrikam
DriverVer=01/02/2024,1.2.3.4
CatalogFile=fab.cat

[Manufacturer]
Fabrikam=Models,NTamd64

[Models.NTamd64]
Port=Install,PCI\VEN_1234&DEV_5678

[Install]
CopyFiles=Files

[Files]
fab.sys

[SourceDisksNames]
1=Disk

[SourceDisksFiles]
fab.sys=1

[DestinationDirs]
DefaultDestDir=12
"""


def item(key: int, path: str, credentials: str = "") -> str:
    return (
        f'<PathAndCredentials wcm:action="add" wcm:keyValue="{key}"><Path>{path}</Path>'
        f"{credentials}</PathAndCredentials>"
    )


CREDENTIALS = (
    "<Credentials><Domain>d</Domain><Username>u</Username>"
    "<Password>hunter2</Password></Credentials>"
)
TEXT = answers(
    settings(
        "offlineServicing",
        component(
            DRIVERS,
            "<DriverPaths>"
            + item(1, r"D:\Drivers\Fab")
            + item(2, r"\\nas\drivers", CREDENTIALS)
            + "</DriverPaths>",
        ),
    ),
    settings(
        "auditSystem",
        component(DRIVERS, f"<DriverPaths>{item(1, 'E:/later')}</DriverPaths>"),
    ),
)  # fmt: skip


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    (folder / "fab").mkdir(parents=True)
    (folder / "fab" / "fab.inf").write_text(INF)
    (folder / "fab" / "fab.sys").write_bytes(b"MZ driver")
    (folder / "fab" / "fab.cat").write_bytes(b"catalogue")
    return folder


@pytest.mark.parametrize("generalized", [False, True])
def test_packages_are_added_and_the_rest_is_named(packages: Path, generalized: bool) -> None:
    image = session()
    request = Request(document(TEXT), driver_folders=folders([f"d:/drivers/fab/={packages}"]))
    if generalized:
        outcome = generalize(image, answers=request).unattend
        assert outcome
    else:
        outcome = unattend.apply(image, request)
    image.commit(image.installation.tree)

    (package,) = outcome.drivers
    assert (package["inf"], package["outcome"]) == ("fab/fab.inf", "staged")
    assert [one["setting"] for one in outcome.applied] == ["DriverPaths/PathAndCredentials/Path"]
    named = [(one.setting.rpartition("/")[2], "--driver-path" in one.reason)
             for one in outcome.not_applied]  # fmt: skip
    assert named == [("Path", True), ("Domain", True), ("Username", True), ("Password", True)]
    tree = image.installation.tree.snapshot()  # type: ignore[attr-defined]
    found = {path.rpartition("\\")[2]: data for path, data in tree.items() if "fab" in path}
    assert found["fab.sys"] == b"MZ driver"
    assert found["fab.inf"] == INF.encode()
    software = agreed(image.installation.tree.read(r"Windows\System32\config\SOFTWARE"))
    kind, data = software[r"Microsoft\Windows\CurrentVersion"]["DevicePath"]
    paths = str(types.decode(kind, data)).split(";")
    assert any(rf"\{path}".endswith(r"\fab") or r"Drivers\reseal" in path for path in paths)
    assert "hunter2" not in str(outcome.to_json()) + str(image.notes)


def test_a_share_is_never_connected_to_and_its_credentials_not_used(packages: Path) -> None:
    request = Request(document(TEXT), driver_folders=folders([rf"\\NAS\drivers={packages}"]))
    outcome = unattend.apply(session(), request)
    reasons = {one.setting.rpartition("/")[2]: one.reason for one in outcome.not_applied}
    assert set(reasons) == {"Path", "Domain", "Username", "Password"}
    assert "no logon to a share" in reasons["Password"]
    assert "--driver-path" in reasons["Path"]  # that of D:\Drivers\Fab


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([r"D:\drivers"], "does not name a path and a local folder"),
        ([r"D:\drivers=/nowhere/at/all"], "does not name a path and a local folder"),
        (["={here}"], "does not name a path and a local folder"),
        ([r"D:\drivers={here}", "d:/Drivers/={here}"], "twice"),
    ],
)
def test_wrong_folders(tmp_path: Path, pairs: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        folders([pair.replace("{here}", str(tmp_path)) for pair in pairs])


def test_a_folder_for_a_path_that_the_file_does_not_have(packages: Path) -> None:
    image = session()
    request = Request(document(TEXT), driver_folders=folders([rf"E:\later={packages}"]))
    with pytest.raises(UsageError, match="no driver path"):
        unattend.apply(image, request)
    assert image.changes == []
