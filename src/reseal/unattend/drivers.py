r"""DriverPaths of the pass offlineServicing: driver packages, added to the image at once.

Documented (Unattended Windows Setup Reference, Microsoft-Windows-PnpCustomizationsNonWinPE DriverPaths; DISM
Unattended Servicing): each path is a folder of the computer that services the image, its subfolders too, or
a share with credentials. Such a path means nothing here, so the person says which folder of this computer it
stands for; what has no folder is named as not applied. A share is never connected to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reseal.answerfile import Pass
from reseal.answerfile.components import DRIVERS
from reseal.answerfile.offline import components_of
from reseal.drivers import add_packages
from reseal.errors import UsageError
from reseal.unattend.pass_settings import Left, left

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reseal.answerfile import AnswerFile, Setting
    from reseal.session import Session

ITEM = "DriverPaths/PathAndCredentials"
_PATH = "Path"
_UNKNOWN = (
    "The path is one of the machine that services the image; say with --driver-path PATH=FOLDER which "
    "folder of this computer it stands for."
)
_NO_LOGON = "The packages were taken from a folder of this computer, so nobody logs on to a share."


@dataclass(slots=True)
class Drivers:
    """What became of the driver paths.

    Attributes:
        applied: the settings that were applied.
        left: those that were not.
        packages: every driver package that was found, as plain data.
    """

    applied: list[Setting] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    packages: list[dict[str, object]] = field(default_factory=list)


def folders(pairs: list[str]) -> dict[str, Path]:
    """Read `PATH=FOLDER` of the command line.

    Returns:
        The folders of this computer by the path for which each stands.

    Raises:
        UsageError: one is not of that form, is named twice, or its folder does not exist.
    """
    found: dict[str, Path] = {}
    for pair in pairs:
        path, _, folder = pair.partition("=")
        if not path or not folder or not Path(folder).is_dir():
            msg = f"--driver-path {pair} does not name a path and a folder of this computer."
            raise UsageError(msg, r"Write for example --driver-path 'D:\drivers=/srv/drivers'.")
        if _same(path) in found:
            msg = f"--driver-path names {path} twice."
            raise UsageError(msg, "Put the packages into one folder; its subfolders count, too.")
        found[_same(path)] = Path(folder)
    return found


def check(document: AnswerFile, given: Mapping[str, Path]) -> None:
    """Raise UsageError where a folder is given for a path that the answer file does not have."""
    asked = {_same(item.text_of(_PATH)) for item in _items(document, "")}
    unknown = [path for path in given if path not in asked]
    if unknown:
        msg = f"{document.name} has no driver path {unknown[0]} in its pass offlineServicing."
        raise UsageError(msg, "Write the path as it stands in the answer file.")


def apply(session: Session, document: AnswerFile, given: Mapping[str, Path]) -> Drivers:
    """Stage the driver packages of the paths for which a folder is given.

    Raises:
        UsageError: a folder can't be read, or holds no package that fits.
        CheckError: the image does not tell its version or architecture.
    """
    outcome = Drivers()
    for item in _items(document, session.installation.architecture or ""):
        folder = given.get(_same(item.text_of(_PATH)))
        if folder is not None:
            outcome.packages += [one.to_json() for one in add_packages(session, folder)]
        for leaf in item.settings():
            if leaf.children:
                continue
            if folder is None:
                outcome.left.append(left(leaf, _UNKNOWN))
            elif leaf.parent is item:
                outcome.applied.append(leaf)
            else:
                outcome.left.append(left(leaf, _NO_LOGON))
    return outcome


def is_driver_setting(setting: Setting) -> bool:
    """Whether a setting belongs to the driver paths."""
    return (
        setting.component.name.casefold() == DRIVERS.casefold()
        and f"{setting.path}/".casefold().startswith(f"{ITEM}/".casefold())
    )


def _items(document: AnswerFile, architecture: str) -> Iterator[Setting]:
    for component in components_of(document, Pass.OFFLINE_SERVICING, architecture):
        if component.name.casefold() == DRIVERS.casefold():
            around = component.child(ITEM.partition("/")[0])
            for item in around.children if around else ():
                if is_driver_setting(item):
                    yield item


def _same(path: str) -> str:
    """A path as it compares: Windows knows no difference of capitals, and takes both slashes."""
    return path.strip().replace("/", "\\").rstrip("\\").casefold()
