r"""DriverPaths of the pass offlineServicing: driver packages, added to the image at once.

Documented (Unattended Windows Setup Reference, Microsoft-Windows-PnpCustomizationsNonWinPE DriverPaths; DISM
Unattended Servicing): each path is a folder of the computer that services the image, including subfolders,
or a share with credentials. Such a path has no meaning here, so the user maps it to a local folder.
Paths without a folder are reported as not applied. reseal never connects to a share.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reseal.answerfile import AnswerFile, Pass, Setting
from reseal.answerfile.components import DRIVERS
from reseal.answerfile.requested import settings_at
from reseal.drivers import add_packages
from reseal.errors import UsageError
from reseal.unattend.applier import Work, leaves

ITEM = "DriverPaths/PathAndCredentials"
_PATH = "Path"
_UNKNOWN = (
    "The path belongs to the machine that services the image; map it to a local folder with "
    "--driver-path PATH=FOLDER."
)
_NO_LOGON = "The packages were taken from a local folder, so no logon to a share takes place."


def folders(pairs: list[str]) -> dict[str, Path]:
    """Parse the `PATH=FOLDER` pairs of the command line.

    Returns:
        The local folders by the path that each one replaces.

    Raises:
        UsageError: a pair is malformed, names a path twice, or its folder does not exist.
    """
    found: dict[str, Path] = {}
    for pair in pairs:
        path, _, folder = pair.partition("=")
        if not path or not folder or not Path(folder).is_dir():
            msg = f"--driver-path {pair} does not name a path and a local folder."
            raise UsageError(msg, r"Write for example --driver-path 'D:\drivers=/srv/drivers'.")
        if _same(path) in found:
            msg = f"--driver-path names {path} twice."
            raise UsageError(
                msg, "Put the packages into one folder; its subfolders are searched too."
            )
        found[_same(path)] = Path(folder)
    return found


def check(document: AnswerFile, given: Mapping[str, Path]) -> None:
    """Raise UsageError if a folder is given for a path that the answer file does not have."""
    asked = {
        _same(item.text_of(_PATH))
        for item in settings_at(document, Pass.OFFLINE_SERVICING, DRIVERS, ITEM)
    }
    unknown = [path for path in given if path not in asked]
    if unknown:
        msg = f"{document.name} has no driver path {unknown[0]} in its pass offlineServicing."
        raise UsageError(msg, "Write the path exactly as in the answer file.")


def add_drivers(work: Work, item: Setting) -> None:
    """Stage the driver packages of a path for which a folder is given.

    Raises:
        UsageError: the folder can't be read, or holds no package that fits.
        CheckError: the image's version or architecture is unknown.
    """
    folder = work.driver_folders.get(_same(item.text_of(_PATH)))
    if folder is None:
        work.reasons |= dict.fromkeys(leaves(item), _UNKNOWN)
        return
    work.drivers += [one.to_json() for one in add_packages(work.session, folder)]
    work.reasons |= dict.fromkeys(leaves(item), _NO_LOGON)
    work.applied.update(leaf for leaf in leaves(item) if leaf.parent is item)


def _same(path: str) -> str:
    """Return a path in comparable form: Windows ignores case and accepts both slashes."""
    return path.strip().replace("/", "\\").rstrip("\\").casefold()
