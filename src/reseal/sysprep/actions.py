r"""Run the declarative actions of an action file as they are written.

| in the file | meaning | mark |
|---|---|---|
| `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet` | every control set that Select names | seen |
| `HKEY_CURRENT_USER` | the built-in Administrator's profile; without one, no target | inferred |
| `HKEY_USERS\.DEFAULT` | the DEFAULT hive | documented |
| `SOFTWARE` in a wow64 component | `SOFTWARE\WOW6432Node` | documented (registry redirector) |
| `$(runtime.windows)` | the Windows folder | seen |
| `$(runtime.system32)` | `System32`, in a wow64 component `SysWOW64` | documented (file system redirector) |
| `*`, `?` in the last part of a file path | wildcards | seen |
"""

from __future__ import annotations

import fnmatch
import re

from reseal.regf import types
from reseal.session import Mark, Session
from reseal.sysprep.action_file import Action, Component
from reseal.tree import join, parent
from reseal.windows import split_root

_TYPES = {name: number for number, name in types.NAMES.items()}
_VARIABLE = re.compile(r"\$\(([^)]*)\)")
#: SOFTWARE keys that 32-bit and 64-bit programs share (documented: "Registry Keys Affected by WOW64").
#: Only the ones in known plans are listed; all other keys are redirected.
_SHARED = (r"software\policies", r"software\microsoft\systemcertificates")


def run(session: Session, component: Component) -> list[str]:
    """Stage the component's actions; return those that could not be carried out, with reasons."""
    failed = []
    with session.acting(component.name, Mark.SEEN):
        for action in component.actions:
            problem = _run(session, component, action)
            if problem:
                failed.append(f"{action}: {problem}")
    return failed


def _run(session: Session, component: Component, action: Action) -> str | None:
    if action.kind in {"deleteFile", "deleteDirectory"}:
        path = file_path(action.path, session.installation.root, wow64=component.wow64)
        if path is None:
            return "the path has an unknown variable"
        for found in _expand(session, path):
            if action.kind == "deleteFile":
                session.delete_file(found)
            else:
                session.delete_tree(found)
        return None
    try:
        path = registry_path(action.path, wow64=component.wow64)
        root, _ = split_root(path)
    except ValueError:
        return "the path has no known registry root"
    if not session.registry.locate(path):
        if root == "HKCU":
            return "there is no target: the built-in Administrator has no profile in this image"
        return "there is no target: the image has no such hive"
    if action.kind == "deleteKey":
        session.delete_key(path)
    elif action.kind == "deleteValue":
        session.delete_value(path, action.name)
    else:
        try:
            kind, data = value(action.type, action.value)
        except ValueError as error:
            return str(error)
        session.set_value(path, action.name, kind, data)
    return None


def registry_path(path: str, *, wow64: bool) -> str:
    """Turn a path of an action file into a registry path. Raise ValueError if it has no root."""
    root, rest = split_root(path)
    lower = rest.lower()
    if (
        wow64
        and root == "HKLM"
        and (lower == "software" or lower.startswith("software\\"))
        and not any(lower == one or lower.startswith(one + "\\") for one in _SHARED)
        and not lower.startswith("software\\wow6432node")
    ):
        rest = join(r"SOFTWARE\WOW6432Node", rest[len("software") :])
    return join(root, rest)


def file_path(path: str, root: str, *, wow64: bool) -> str | None:
    """Turn a path of an action file into a volume path; None if it has an unknown variable.

    Args:
        path: the path in the file.
        root: the Windows folder.
        wow64: whether it is a wow64 component's, so that system32 means SysWOW64.
    """
    places = {
        "runtime.windows": root,
        "runtime.system32": join(root, "SysWOW64" if wow64 else "System32"),
        "runtime.systemroot": root,
        "runtime.programdata": "ProgramData",
        "runtime.systemdrive": "",
        "runtime.bootdrive": "",
    }
    unknown = False

    def place(match: re.Match[str]) -> str:
        nonlocal unknown
        found = places.get(match[1].lower())
        unknown = unknown or found is None
        return found or ""

    resolved = _VARIABLE.sub(place, path)
    parts = [part for part in resolved.replace("/", "\\").split("\\") if part]
    if unknown or any(part in {".", ".."} or ":" in part for part in parts):
        return None
    return join(*parts)


def value(kind: str, text: str) -> tuple[int, bytes]:
    """Turn the type and text of a setValue action into a type number and data.

    Raises:
        ValueError: the type is unknown, or the text does not fit it.
    """
    number = _TYPES.get(kind.upper())
    if number is None:
        msg = f"values of type {kind} can't be set"
        raise ValueError(msg)
    if number in {types.REG_DWORD, types.REG_QWORD}:
        return number, types.encode(number, int(text or "0", 0))
    if number in {types.REG_SZ, types.REG_EXPAND_SZ}:
        return number, types.encode(number, text)
    if number == types.REG_MULTI_SZ:
        return number, types.encode(number, [part for part in re.split(r"[\0;]", text) if part])
    if number in {types.REG_BINARY, types.REG_NONE}:
        return number, bytes.fromhex(text)
    msg = f"values of type {kind} can't be set"
    raise ValueError(msg)


def _expand(session: Session, path: str) -> list[str]:
    """Return the existing paths that match a path with wildcards in its last part."""
    folder, name = parent(path), path.rpartition("\\")[2]
    if not any(char in name for char in "*?"):
        return [path]
    pattern = name.lower().replace("[", "[[]")
    return [
        join(folder, entry.name)
        for entry in session.files.list(folder)
        if fnmatch.fnmatchcase(entry.name.lower(), pattern)
    ]
