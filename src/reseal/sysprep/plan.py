r"""An image's own plan: what Sysprep does in its version, phase by phase.

| versions | where | mark |
|---|---|---|
| Windows 8 and later | `System32\Sysprep\ActionFiles\<Phase>.xml` | seen |
| Vista, 7, 2008 | `SOFTWARE\…\Setup\Sysprep\<Phase>`: value `{GUID}` = `path\x.dll,Function` | documented (Microsoft support, KB 2849151 and the Sysprep Provider Developer's Guide) |
| all, third parties | `SOFTWARE\…\Setup\SysPrepExternal\<Phase>`, same form | documented |

Cleanup and Generalize belong to a generalize run, in this order; Windows runs Specialize and Respecialize
at the next boot (seen in a log of Server 2022). A component runs if its architecture is the image's, or
wow64 on a 64-bit image, and if its `exclude` does not name the mode (inferred for the mode).
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from reseal.session import Session
from reseal.sysprep import action_file
from reseal.sysprep.action_file import Component, Module
from reseal.tree import join
from reseal.windows import setup
from reseal.windows.external import external_providers

ACTION_FILES = join(setup.SYSPREP, "ActionFiles")
_CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
INTERNAL_LISTS = rf"{_CURRENT_VERSION}\Setup\Sysprep"
#: The largest program whose vendor is read.
_MAX_PROGRAM = 16 << 20
#: Architectures whose Windows runs 32-bit components as wow64.
_WOW64_OF = frozenset({"amd64", "arm64", "ia64"})


class Phase(StrEnum):
    """A part of the plan."""

    CLEANUP = "Cleanup"
    GENERALIZE = "Generalize"
    SPECIALIZE = "Specialize"
    RESPECIALIZE = "Respecialize"


#: Phases of a generalize run, in order.
RUN = (Phase.CLEANUP, Phase.GENERALIZE)
#: Phases that Windows runs at the next boot.
AT_BOOT = (Phase.SPECIALIZE, Phase.RESPECIALIZE)


@dataclass(frozen=True, slots=True)
class External:
    """An entry point that a product registered, which only a running Windows can call.

    Attributes:
        phase: the phase in which Sysprep calls it.
        module: the function.
        vendor: who made it; None if that is not known.
    """

    phase: Phase
    module: Module
    vendor: str | None = None

    def __str__(self) -> str:
        """Name it with its vendor."""
        return f"{self.module} of {self.vendor or 'an unknown vendor'} ({self.phase})"


@dataclass(slots=True)
class Plan:
    """The work of an image's Sysprep.

    Attributes:
        phases: the components of each phase, in order.
        external: third parties' entry points.
        excluded: names of the components that the mode excludes.
    """

    phases: dict[Phase, list[Component]] = field(default_factory=dict)
    external: list[External] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)

    @property
    def run(self) -> list[Component]:
        """The components of a generalize run, cleanup before generalize."""
        return [one for phase in RUN for one in self.phases.get(phase, [])]

    @property
    def at_boot(self) -> list[Component]:
        """The components that Windows runs at the next boot."""
        return [one for phase in AT_BOOT for one in self.phases.get(phase, [])]


def read(session: Session, mode: str | None = None) -> Plan:
    """Read the plan of a session's installation.

    Args:
        session: an opened installation.
        mode: Sysprep's mode, such as `vm`; None for the default mode.

    Raises:
        ActionFileError: an action file is damaged.
    """
    plan = Plan()
    for phase in Phase:
        components = _from_file(session, phase) or _from_list(session, phase)
        if components is None:
            continue
        fitting = [one for one in components if _fits(one, session.installation.architecture)]
        plan.phases[phase] = [one for one in fitting if not _excludes(one, mode)]
        plan.excluded += [one.name for one in fitting if _excludes(one, mode)]
    root = session.installation.root
    for one in external_providers(session.registry, root, partial(_program, session)):
        module = Module(one.dll, one.function, validate=False)
        plan.external.append(External(Phase(one.phase), module, one.vendor))
    return plan


def _program(session: Session, path: str) -> bytes | None:
    stat = session.files.stat(path)
    if stat is None or stat.is_directory or stat.size > _MAX_PROGRAM:
        return None
    return session.files.read(path)


def _from_file(session: Session, phase: Phase) -> list[Component] | None:
    path = session.installation.path(join(ACTION_FILES, f"{phase}.xml"))
    if session.files.stat(path) is None:
        return None
    return action_file.parse(session.files.read(path), path)


def _from_list(session: Session, phase: Phase) -> list[Component] | None:
    listed = _listed(session, rf"{INTERNAL_LISTS}\{phase}")
    native = session.installation.architecture or ""
    return [
        Component(name, native, index, "", 0, (module,), (), ())
        for index, (name, module) in enumerate(listed.items())
    ] or None


def _listed(session: Session, path: str) -> dict[str, Module]:
    found = {}
    for value in session.registry.values(path):
        if isinstance(value.decoded, str):
            dll, _, method = value.decoded.rpartition(",")
            name = re.split(r"[\\/]", dll.strip())[-1].lower()
            found[value.name] = Module(name, method.strip(), validate=False)
    return found


def _fits(component: Component, native: str | None) -> bool:
    if native is None or component.architecture == native:
        return True
    return component.wow64 and native in _WOW64_OF


def _excludes(component: Component, mode: str | None) -> bool:
    return mode is not None and mode.lower() in re.split(r"[\s,;]+", component.exclude.lower())
