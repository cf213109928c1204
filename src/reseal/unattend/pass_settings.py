"""Apply to an image at once what an answer file asks for in a pass.

Only settings whose final place is known are applied (`reseal.answerfile.placement` has the table, each
with its source); all others are named, and never ignored.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from reseal.answerfile import Pass, placed
from reseal.answerfile.components import JOIN, SHELL
from reseal.answerfile.offline import WOW64
from reseal.answerfile.secrets import NotHiddenError
from reseal.answerfile.show import PACKAGE
from reseal.errors import CheckError
from reseal.session import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.answerfile import AnswerFile, Setting
    from reseal.answerfile.document import Package
    from reseal.session import Session

STEP = "answer-file-settings"


@dataclass(frozen=True, slots=True)
class Left:
    """A setting that was not applied.

    Attributes:
        configuration_pass: the pass in which it stands.
        component: its component.
        setting: its path below the component.
        line: where it stands in the answer file, from 1.
        column: likewise.
        reason: why, a whole sentence.
    """

    configuration_pass: str
    component: str
    setting: str
    line: int
    column: int
    reason: str

    def to_json(self) -> dict[str, object]:
        """The setting as plain data."""
        return asdict(self)


_DOMAIN_JOIN = (
    "It is not known how Windows keeps the blob of an offline domain join; djoin.exe /requestODJ "
    "applies it from within Windows."
)
_PACKAGES = (
    "Packages and features are the servicing stack's job; use DISM on the image, or within Windows."
)
_THIRTY_TWO_BITS = "It is for the 32-bit side of Windows, whose places are not known."
_RANDOM_NAME = "It asks for a random name, which Windows makes at the first boot."
NO_PLACE = "It is not known where Windows keeps it, so it can't be applied offline."


def left(setting: Setting, reason: str) -> Left:
    """Return the record of a setting that was not applied. Its value, maybe a secret, is not in it."""
    place = setting.position
    return Left(
        setting.pass_name, setting.component.name, setting.path, place.line, place.column, reason
    )


def left_package(package: Package) -> Left:
    """Return the record of a package, which is nobody's to add but the servicing stack's."""
    place = package.position
    return Left(Pass.OFFLINE_SERVICING, package.name, PACKAGE, place.line, place.column, _PACKAGES)


def applied(setting: Setting) -> dict[str, object]:
    """Return the record of a setting that was applied, without its value."""
    return {
        "configuration_pass": setting.pass_name,
        "component": setting.component.name,
        "setting": setting.path,
    }


def apply_pass(
    session: Session, document: AnswerFile, name: Pass, *, confirmed: bool = False
) -> tuple[list[Setting], list[Setting]]:
    """Stage the registry values that a pass comes to.

    Args:
        session: the opened installation.
        document: the answer file.
        name: the pass.
        confirmed: whether places that are only inferred are left out.

    Returns:
        The settings that were applied, and the leaves of the pass that were not.
    """
    values, rest = placed(document, name, session.installation.architecture or "")
    done: dict[Setting, None] = {}
    refused: dict[Setting, None] = {}
    for value in values:
        mark = Mark(value.place.mark)
        if (confirmed and mark is Mark.INFERRED) or not session.registry.locate(value.key):
            refused[value.setting] = None
            continue
        with session.acting(STEP, mark):
            if isinstance(value.data, int):
                session.set_number(value.key, value.name, value.data)
            else:
                session.set_text(value.key, value.name, value.data)
        done[value.setting] = None
    return list(done), [*rest, *(one for one in refused if one not in done)]


@contextmanager
def hidden_passwords_of(document: AnswerFile) -> Iterator[None]:
    """Name the answer file of a password that is marked as hidden and is not; the message is without it.

    Raises:
        CheckError: there was one inside.
    """
    try:
        yield
    except NotHiddenError as error:
        msg = f"A password in {document.name} is marked as hidden, and {error.message}."
        raise CheckError(msg, "Hide it with `reseal unattend hide-secrets`.") from None


def explain(setting: Setting) -> Left:
    """Return the record of a setting that could not be applied, and why."""
    name, path = setting.component.name.casefold(), setting.path.casefold()
    if name == JOIN.casefold() and path.startswith("offlineidentification"):
        return left(setting, _DOMAIN_JOIN)
    if (name, path) == (SHELL.casefold(), "computername"):
        return left(setting, _RANDOM_NAME)
    if setting.component.architecture == WOW64:
        return left(setting, _THIRTY_TWO_BITS)
    return left(setting, NO_PLACE)
