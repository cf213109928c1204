"""Compare one clone with the same machine made by `reseal specialize`.

`reseal specialize` opens, mounts and parses the image, changes it through QEMU's own overlay, writes it and
reads it back. With the same random numbers, both images must agree in every hive and file that either has
changed; only times differ.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from reseal.clone.plan import ClonePlan, FleetMachine
from reseal.clone.workshop import host_folders, stream, wish_of
from reseal.interruption import temporary_folder
from reseal.ntfs import Volume, secure
from reseal.run import Callables, RunOptions, change, read
from reseal.run.opening import Found, choose
from reseal.session import Session
from reseal.specialize import Specialization
from reseal.tree import TreeError
from reseal.windows import Installation

#: Kinds of changes whose target is a path of the volume.
_FILES = frozenset({"write_file", "rename_file", "delete_file", "delete_tree"})


def differences(machine: FleetMachine, plan: ClonePlan) -> list[str]:
    """Make a machine with `specialize`, and return the differences of its clone.

    Raises:
        ResealError: it can't be made that way.
    """
    job = Specialization(wish_of(machine, plan))

    def work(session: Session) -> dict[str, Any]:
        session.random = stream(machine.key)
        return job(session).to_json()

    with temporary_folder(".reseal-", plan.output_dir) as folder:
        long_way = folder / f"{machine.name}.qcow2"
        done = change(
            Path(plan.golden),
            Callables(work, job.recheck),
            RunOptions(
                volume=plan.volume,
                output=long_way,
                thin=True,
                passing=True,
                allow_backing=plan.allow_backing,
                reads=host_folders(plan),
            ),
        )
        touched = {one["target"] for one in done["changes"] if one["kind"] in _FILES}
        touched |= {one["after"] for one in done["changes"] if one["kind"] == "rename_file"}
        hives = done["written"]["hives"]
        other = _state(long_way, sorted(touched), hives, plan)
    own = _state(plan.output(machine.name), sorted(touched), hives, plan)
    return [
        f"{name} {'differs' if name in own and name in other else 'is in one of them only'}"
        for name in sorted({*own, *other})
        if own.get(name) != other.get(name)
    ]


def _state(path: Path, files: list[str], hives: list[str], plan: ClonePlan) -> dict[str, str]:
    def look(found: list[Found]) -> dict[str, Any]:
        return {"state": _look(choose(found, plan.volume, str(path)).installation, files, hives)}

    state: dict[str, str] = read(path, look, allow_backing=True)["state"]
    return state


def _look(installation: Installation, files: list[str], hives: list[str]) -> dict[str, str]:
    """Return digests of files, of hives' content and of all descriptors, by name.

    Args:
        installation: the Windows.
        files: the paths of the files.
        hives: the names of the hives.
    """
    found = {}
    for path in files:
        try:
            stat = installation.volumes.stat(path)
            if stat is not None and not stat.is_directory:
                found[path] = hashlib.sha256(installation.volumes.read(path)).hexdigest()
        except TreeError as error:
            found[path] = error.message
    for name in hives:
        hive = installation.registry.hive(name)
        if hive is None:
            continue
        content = hashlib.sha256()
        pending = [("", hive.root)]
        while pending:
            path, key = pending.pop()
            content.update(repr((path, key.descriptor)).encode())
            for value in key.values():
                content.update(repr((value.name, value.type, value.data)).encode())
            pending.extend((f"{path}\\{one.name}", one) for one in key.subkeys())
        found[f"the hive {name}"] = content.hexdigest()
    volumes = installation.volumes
    trees = {installation.volume: volumes.own, **{n: volumes.tree(n) for n in volumes.others}}
    for number, tree in trees.items():
        if isinstance(tree, Volume):
            descriptors = secure.descriptors(tree.device, tree.name)
            shown = repr(sorted(descriptors.items()))
            found[f"$Secure of volume {number}"] = hashlib.sha256(shown.encode()).hexdigest()
    return found
