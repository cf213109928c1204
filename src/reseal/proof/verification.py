"""The whole proof of one image, and the comparison of several, as plain data."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from reseal.proof.armed import armed
from reseal.proof.identity import Kind, MachineIdentity
from reseal.proof.judgement import Context, Verdict, judge
from reseal.proof.search import search
from reseal.windows.names import MACHINE_HIVES
from reseal.windows.setup import SetupState, new_sid_pending

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.proof.hits import Hit
    from reseal.run.opening import Found
    from reseal.windows import Installation

#: In the order in which a person wants to read them.
_ORDER = list(Verdict)
#: Ids that clones share without harm.
_NOT_COUNTED = {Kind.VOLUME, Kind.DISK, Kind.PRODUCT_ID}


# Complex: the order of the proof, and the record of it with what is optional.
def verify(
    found: Found,
    given: MachineIdentity | None,
    *,
    deep: bool = False,
) -> dict[str, Any]:
    """Prove that an installation is armed and that nothing of the old machine is left in it.

    Args:
        found: the installation.
        given: the identity before it was generalized; None for what the image itself tells.
        deep: whether to search unallocated clusters too.

    Returns:
        `result` (`clean` or `not clean`), `failures` (whole sentences), `armed`, `identity`, `hits`,
        `counts` and `search`.
    """
    installation = found.installation
    parts = armed(installation, given.machine_sid if given else None)
    generalized = SetupState.of(installation).generalized
    own = MachineIdentity.of(installation, found.place)
    if given is None:
        identity = _own(own, generalized=generalized)
    else:
        # The ids of disk and volume are reported: those of this disk, unless others are asked for.
        identity = replace(
            given,
            volume_serial=given.volume_serial or own.volume_serial,
            disk_ids=given.disk_ids or own.disk_ids,
        )
    searched = search(found, identity, deep=deep)
    context = _context(installation)
    hits = [_to_json(hit, count, context) for hit, count in searched.hits.groups.values()]
    hits.sort(key=lambda one: (_ORDER.index(one["verdict"]), one["kind"], one["path"], one["key"]))
    left = [one for one in hits if one["verdict"] is Verdict.LEFT_BEHIND]
    failures = [
        f"{one.target} is {_shown(one.found)}, not {_shown(one.expected)}."
        for one in parts
        if not one.correct
    ]
    failures += [_sentence(one) for one in left]
    if searched.hits.full or searched.hits.dropped:
        failures.append("More was found than could be judged.")
    return {
        "result": "not clean" if failures else "clean",
        "generalized": generalized,
        "failures": failures,
        "armed": [one.to_json() for one in parts],
        "identity": {
            "source": "the identity file" if given else "the image itself",
            **identity.to_json(),
        },
        "hits": hits,
        "counts": dict.fromkeys(_ORDER, 0) | Counter(one["verdict"] for one in hits),
        "search": {
            "deep": deep,
            "bytes_read": searched.bytes_read,
            "seconds": searched.seconds,
            "files_looked_into": searched.files,
            "not_searched": searched.not_searched,
        },
    }


def facts(found: Found) -> dict[str, Any]:
    """The identities of one image, to be compared with those of others."""
    installation = found.installation
    state = SetupState.of(installation)
    identity = MachineIdentity.of(installation, found.place)
    return {
        "product_name": installation.product_name,
        "generalized": state.generalized,
        "new_sid_at_next_boot": new_sid_pending(installation.registry),
        "identities": [{"kind": kind.value, "value": value} for kind, value in identity.items()],
    }


def compare(images: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Say which images share which identities.

    Args:
        images: of each its `path` and what `facts` returned.

    Returns:
        `images`, `shared` (rows of kind, value, images that share it, and verdict) and `result`:
        `nothing shared` where every row is harmless.
    """
    listed = list(images)
    holders: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in listed:
        for identity in one["identities"]:
            value = identity["value"]
            folded = value if identity["kind"] == Kind.SID else value.lower()
            holders.setdefault((identity["kind"], folded), []).append(one)
    order = [kind.value for kind in Kind]
    rows = [
        {
            "kind": kind,
            "value": value,
            "images": [one["path"] for one in sharing],
            "verdict": _shared(Kind(kind), sharing).value,
        }
        for (kind, value), sharing in holders.items()
        if len(sharing) > 1
    ]
    rows.sort(key=lambda row: (order.index(str(row["kind"])), str(row["value"])))
    bad = any(row["verdict"] == Verdict.LEFT_BEHIND for row in rows)
    return {
        "result": "identities shared" if bad else "nothing shared",
        "images": listed,
        "shared": rows,
    }


def _shared(kind: Kind, sharing: list[dict[str, Any]]) -> Verdict:
    if kind in _NOT_COUNTED:
        return Verdict.REPORTED
    if kind is Kind.SID and sum(not one["new_sid_at_next_boot"] for one in sharing) <= 1:
        return Verdict.REPLACED
    finished = sum(not one["generalized"] for one in sharing)
    if kind is Kind.NAME and finished <= 1:
        return Verdict.REPLACED
    if kind is Kind.MAC and finished <= 1:
        return Verdict.HARMLESS
    return Verdict.LEFT_BEHIND


def _own(identity: MachineIdentity, *, generalized: bool) -> MachineIdentity:
    """What the image itself tells of the old machine: of a generalized one, not its name.

    Name and MachineGuid of a generalized image are already others than the machine's.
    """
    if generalized:
        return replace(identity, computer_name=None, machine_guid=None)
    return identity


def _context(installation: Installation) -> Context:
    registry = installation.registry
    files = {registry.file(name) for name in (*MACHINE_HIVES, *registry.profiles)}
    return Context(
        new_sid_pending(registry), frozenset(one.lower() for one in files if one is not None)
    )


def _to_json(hit: Hit, count: int, context: Context) -> dict[str, Any]:
    return {**asdict(hit), "count": count, **asdict(judge(hit, context))}


def _sentence(hit: dict[str, Any]) -> str:
    where = hit["key"] or hit["path"] or f"offset {hit['offset']} of the volume"
    inside = f" of {hit['path']}" if hit["key"] and not hit["key"].startswith("HK") else ""
    return f"The {hit['kind']} {hit['value']} is left in {where}{inside} ({hit['place']})."


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return repr(value) if isinstance(value, str) else str(value)
