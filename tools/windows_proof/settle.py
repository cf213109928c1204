"""Read what `settle.cmd` collected, and print the answers next to what reseal assumes.

    python -m tools.windows_proof settle settle.zip

The file comes from someone else, so it is read in memory, within bounds, and nothing is unpacked.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reseal.sysprep import action_file
from reseal.sysprep.action_file import ActionFileError
from reseal.sysprep.arm import Target, armed_state
from reseal.sysprep.entry_points import Disposition, disposition
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Where `settle.cmd` puts each of its calls, in order.
STAGES = ("before", "sealed", "after")
_MAX_FILES, _MAX_BYTES = 100, 16 << 20
_VALUE = re.compile(r"^ {4}(.+?) {4}(REG_\w+) {4}(.*)$")
_GUID = re.compile(r"^MachineGuid starts (\w+)")
_SHOWN = 20
#: The action files that reseal carries out itself; Windows runs the others at the next boot.
_OF_A_RUN = {"cleanup.xml", "generalize.xml"}


class SettleError(Exception):
    """The file is not what settle.cmd packs."""


@dataclass
class Stage:
    r"""What one call of `settle.cmd` collected.

    Attributes:
        values: the type and text of each registry value, by `key\\name` in lower case.
        guid: the first digits of the MachineGuid, or `missing`.
        files: the collected files by name in lower case.
    """

    values: dict[str, tuple[str, str]] = field(default_factory=dict)
    guid: str = "missing"
    files: dict[str, bytes] = field(default_factory=dict)

    def value(self, path: str, name: str) -> str:
        """Return a value as text with its type, or `missing`."""
        found = self.values.get(_key(path, name))
        if found is None:
            return "missing"
        kind, text = found
        return f"{_number(text)} ({kind})" if kind == "REG_DWORD" else f"{text!r} ({kind})"

    def number(self, path: str, name: str) -> int | None:
        """Return a REG_DWORD; None for anything else."""
        kind, text = self.values.get(_key(path, name), ("", ""))
        return _number(text) if kind == "REG_DWORD" else None


@dataclass(frozen=True)
class Answer:
    """An answer to an open question.

    Attributes:
        question: what was not known.
        found: what Windows has.
        assumed: what reseal assumes.
        agrees: whether both agree; None where there is nothing to compare.
    """

    question: str
    found: str
    assumed: str
    agrees: bool | None


def read(path: Path) -> dict[str, Stage]:
    """Read a zip of settle.cmd; return its stages.

    Raises:
        SettleError: it is not one, or is larger than any real one.
    """
    stages: dict[str, Stage] = {}
    try:
        with zipfile.ZipFile(path) as packed:
            entries = packed.infolist()
            if len(entries) > _MAX_FILES or sum(one.file_size for one in entries) > _MAX_BYTES:
                msg = f"{path} is larger than what settle.cmd packs"
                raise SettleError(msg)
            for one in entries:
                # Windows PowerShell separates folders with backslashes.
                *_, stage, name = ["", *one.filename.replace("\\", "/").lower().split("/")]
                if stage in STAGES and name:
                    with packed.open(one) as file:
                        data = file.read(_MAX_BYTES)
                    stages.setdefault(stage, Stage()).files[name] = data
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        msg = f"{path} can't be read: {error}"
        raise SettleError(msg) from error
    for found in stages.values():
        _parse(found)
    if not stages:
        msg = f"{path} holds none of the folders {', '.join(STAGES)}"
        raise SettleError(msg)
    return stages


def answers(stages: dict[str, Stage]) -> Iterator[Answer]:
    """Yield the answers that the stages give."""
    sealed = stages.get("sealed")
    if sealed:
        yield from _armed(sealed)
        yield _request(sealed)
        yield _state_ini(sealed)
    for name, stage in stages.items():
        cleanup = stage.value(setup.SYSPREP_STATUS, "CleanupState")
        agrees = cleanup == "missing" or stage.number(setup.SYSPREP_STATUS, "CleanupState") == 2
        yield Answer(f"CleanupState, {name}", cleanup, "2 or missing", agrees)
        mode = stage.value(setup.SYSPREP_REGISTRY, setup.SYSPREP_MODE)
        yield Answer(f"SysprepMode, {name}", mode, "'vm' (REG_SZ) in VM mode, else missing", None)
    yield from _guids(stages)
    yield from _recovery(stages)
    yield from _plans(stages)


def report(path: Path) -> str:
    """Return the answers of a file as a Markdown table."""
    stages = read(path)
    version = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
    build = next(iter(stages.values())).value(version, "CurrentBuild")
    lines = [f"# Answers of build {build}: {', '.join(stages)}", ""]
    lines += ["| question | found | reseal assumes | |", "|---|---|---|---|"]
    words = {True: "agrees", False: "DIFFERS", None: ""}
    for one in answers(stages):
        cells = (one.question, one.found, one.assumed, words[one.agrees])
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _armed(sealed: Stage) -> Iterator[Answer]:
    for one in armed_state(Target.OOBE):
        kind = "REG_DWORD" if isinstance(one.data, int) else "REG_SZ"
        assumed = f"{one.data!r} ({kind})"
        found = sealed.value(one.path, one.name)
        yield Answer(f"{one.path}\\\\{one.name} ({one.mark})", found, assumed, found == assumed)


def _request(sealed: Stage) -> Answer:
    flags = sealed.number(setup.PENDING_REQUEST, setup.OPERATION_FLAGS)
    bit = setup.REPLACE_ACCOUNT_DOMAIN_SID
    started = sealed.value(setup.SESSION_MANAGER, setup.SETUPEXECUTE)
    shown = "missing" if flags is None else f"{flags:#x}"
    return Answer(
        "OperationFlags, and what SETUPEXECUTE starts",
        f"{shown}; {started}",
        f"a number with bit {bit:#x}; setupcl.exe first",
        bool((flags or 0) & bit) and "setupcl.exe" in started.lower(),
    )


def _state_ini(sealed: Stage) -> Answer:
    data = sealed.files.get("state.ini")
    if data is None:
        return Answer("State.ini", "missing", "present, without quotes", agrees=False)
    quotes = '"' in data.decode("utf-8", "replace")
    found = f"{setup.state_in(data)}, {'with' if quotes else 'without'} quotes"
    wanted = f"{setup.GENERALIZE_RESEAL_TO_OOBE}, without quotes"
    return Answer("State.ini", found, wanted, found == wanted)


def _guids(stages: dict[str, Stage]) -> Iterator[Answer]:
    starts = {name: one.guid for name, one in stages.items()}
    found = ", ".join(f"{name} {digits}" for name, digits in starts.items())
    assumed = "specialize assigns another one (seen for Windows 7; under a check that is not known)"
    ends = starts.get("sealed"), starts.get("after")
    agrees = None if None in ends else ends[0] != ends[1]
    yield Answer("MachineGuid, its first digits", found, assumed, agrees)


def _recovery(stages: dict[str, Stage]) -> Iterator[Answer]:
    found = {name: one.files.get("reagent.xml") for name, one in stages.items()}
    if "before" in found and "sealed" in found:
        same = found["before"] == found["sealed"]
        text = "unchanged" if same else "changed by Sysprep"
        yield Answer("ReAgent.xml", text, "unchanged", same)


def _plans(stages: dict[str, Stage]) -> Iterator[Answer]:
    stage = next(iter(stages.values()))
    for name, data in stage.files.items():
        if not name.endswith(".xml") or name == "reagent.xml":
            continue
        try:
            components = action_file.parse(data, name)
        except ActionFileError as error:
            yield Answer(name, f"can't be read: {error.message}", "readable", agrees=False)
            continue
        modules = [module for one in components for module in one.modules]
        if name not in _OF_A_RUN:
            yield Answer(f"{name}: entry points", str(len(modules)), "Windows calls them", None)
            continue
        unknown = {str(one) for one in modules if disposition(one)[0] is Disposition.UNKNOWN}
        shown = ", ".join(sorted(unknown)[:_SHOWN]) or "none"
        yield Answer(f"{name}: unknown entry points of {len(modules)}", shown, "none", not unknown)


def _parse(stage: Stage) -> None:
    text = stage.files.get("registry.txt", b"").decode("latin-1")
    key = ""
    for line in text.splitlines():
        if line.startswith("HKEY_LOCAL_MACHINE\\"):
            key = "HKLM" + line.removeprefix("HKEY_LOCAL_MACHINE").strip()
        elif match := _VALUE.match(line):
            stage.values.setdefault(_key(key, match[1]), (match[2], match[3].strip()))
        elif match := _GUID.match(line):
            stage.guid = match[1]


def _key(path: str, name: str) -> str:
    return f"{path}\\\\{name}".lower()


def _number(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None


def _cell(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text).replace("|", "\\|")
