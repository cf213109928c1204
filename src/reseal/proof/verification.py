"""The whole proof of one image, as plain data."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from reseal.checks import Level
from reseal.checks.build_leftovers import build_leftovers
from reseal.proof import known, settings
from reseal.proof.armed import armed
from reseal.proof.groups import Owners, grouped
from reseal.proof.hits import Hit, Search
from reseal.proof.identity import MachineIdentity
from reseal.proof.judgement import Context, Verdict, judge
from reseal.proof.search import search
from reseal.providers.identities import find
from reseal.run.opening import Found
from reseal.session import Session
from reseal.sid import places
from reseal.sid.fresh import is_fresh
from reseal.windows import Installation
from reseal.windows import identity as machine
from reseal.windows.names import MACHINE_HIVES
from reseal.windows.setup import SETUPCL_EXE, SetupState, missing_programs, new_sid_pending

CLEAN, AS_SYSPREP, NOT_CLEAN = "clean", "as after Sysprep", "not clean"
#: In the order in which a person wants to read them.
_ORDER = list(Verdict)
#: What Sysprep leaves, too, and Windows is asked to replace.
_LEFT_TO_WINDOWS = {Verdict.AS_SYSPREP, Verdict.REPLACED}


# Complex: the order of the proof, and the record of it with what is optional.
def verify(
    found: Found,
    given: MachineIdentity | None,
    *,
    deep: bool = False,
    system_volume_only: bool = False,
) -> dict[str, Any]:
    """Prove that an installation is armed, and search it for what identified the old machine.

    Args:
        found: the installation.
        given: the identity before it was generalized; None for what the image itself tells.
        deep: whether to search unallocated clusters too.
        system_volume_only: whether only the volume that holds Windows is searched.

    Returns:
        `result` (`clean`, `as after Sysprep` or `not clean`), `statement` (what that rests on),
        `failures` (whole sentences), `armed`, `identity`, `hits`, `identities` (what providers still
        find, as `reseal.providers.identities` describes it), `leftovers` (what the build left for every copy
        to do, findings of a check), `groups`, `counts` and `search`.
    """
    installation = found.installation
    parts = armed(installation, given.machine_sid if given else None)
    generalized = SetupState.of(installation).generalized
    own = MachineIdentity.of(installation, found.place)
    if given is None:
        identity = _own(installation, own, generalized=generalized)
    else:
        # The ids of disk and volume are reported: those of this disk, unless others are asked for.
        identity = replace(
            given,
            volume_serial=given.volume_serial or own.volume_serial,
            disk_ids=given.disk_ids or own.disk_ids,
        )
    searched = search(found, identity, deep=deep, system_volume_only=system_volume_only)
    session = Session(installation)
    passwords, awaited = settings.passwords(session)
    context = replace(_context(installation), awaited=awaited)
    more = [*passwords, *settings.addresses(session)]
    found_hits = [*searched.hits.groups.values(), *((hit, 1) for hit in more)]
    hits = [_to_json(hit, count, context) for hit, count in found_hits]
    hits.sort(key=lambda one: (_ORDER.index(one["verdict"]), one["kind"], one["path"], one["key"]))
    left = [one for one in hits if one["verdict"] is Verdict.LEFT_BEHIND]
    as_sysprep = [one for one in hits if one["verdict"] is Verdict.AS_SYSPREP]
    identities: list[dict[str, Any]] = [one.to_json() for one in find(installation)]
    removable = known.options(installation) if left else {}
    groups = grouped([*left, *as_sysprep], Owners(installation), removable)
    failures = [
        f"{one.target} is {_shown(one.found)}, not {_shown(one.expected)}."
        for one in parts
        if not one.correct
    ]
    failures += [one.sentence for one in groups if one.verdict == Verdict.LEFT_BEHIND]
    failures += searched.closed
    if searched.hits.full or searched.hits.dropped:
        failures.append("Not every finding could be judged.")
    counts = dict.fromkeys(_ORDER, 0) | Counter(one["verdict"] for one in hits)
    result = NOT_CLEAN if failures else CLEAN
    if not failures and (identities or any(counts[one] for one in _LEFT_TO_WINDOWS)):
        result = AS_SYSPREP
    return {
        "result": result,
        "statement": _statement(found, searched, identity, result)
        + (
            f" It still holds {'; '.join(one['what'] for one in identities)}." if identities else ""
        ),
        "generalized": generalized,
        "failures": failures,
        "armed": [one.to_json() for one in parts],
        "identity": {
            "source": "the identity file" if given else "the image itself",
            **identity.to_json(),
        },
        "hits": hits,
        "identities": identities,
        "leftovers": [
            one.to_json() for one in build_leftovers(session) if one.level is not Level.OK
        ],
        "groups": [one.to_json() for one in groups],
        "counts": counts,
        "search": {
            "deep": deep,
            "bytes_read": searched.bytes_read,
            "seconds": searched.seconds,
            "files_looked_into": searched.files,
            "volumes": searched.volumes,
            "not_searched": [*searched.closed, *searched.not_searched],
        },
    }


def _statement(found: Found, searched: Search, identity: MachineIdentity, result: str) -> str:
    """Say what was searched for what, and what was found, in one sentence."""
    kinds = list(dict.fromkeys(kind.value for kind, _ in identity.items()))
    where = ", ".join(searched.volumes) if found.place else "the folder"
    if found.place:
        where += " with unallocated clusters" if searched.deep else " without unallocated clusters"
    verdict = {
        CLEAN: "nothing of the old machine was found",
        AS_SYSPREP: "only traces that Sysprep leaves, too, were found",
        NOT_CLEAN: "the image is not clean",
    }[result]
    return f"Searched {where} for {', '.join(kinds) or 'nothing'}: {verdict}."


def _own(
    installation: Installation, identity: MachineIdentity, *, generalized: bool
) -> MachineIdentity:
    """What the image itself tells of the old machine: of a generalized one, not its name.

    Name and MachineGuid of a generalized image are already others than the machine's, and so is a SID
    that reseal drew.
    """
    if not generalized:
        return identity
    sid = None if is_fresh(installation.registry) else identity.machine_sid
    return replace(identity, machine_sid=sid, computer_name=None, machine_guid=None)


def _context(installation: Installation) -> Context:
    registry = installation.registry
    profiles = tuple(registry.profiles.values())
    files = {registry.file(name) for name in (*MACHINE_HIVES, *registry.profiles)}
    sid = machine.machine_sid(registry)
    there = not any(path.lower().endswith(SETUPCL_EXE) for path in missing_programs(installation))
    return Context(
        new_sid_pending(registry) and there,
        frozenset(one.lower() for one in files if one is not None),
        partial(places.known, windows=installation.root, profiles=profiles),
        settings.in_vm_mode(registry),
        current_sid=str(sid) if sid else None,
    )


def _to_json(hit: Hit, count: int, context: Context) -> dict[str, Any]:
    return {**asdict(hit), "count": count, **asdict(judge(hit, context))}


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return repr(value) if isinstance(value, str) else str(value)
