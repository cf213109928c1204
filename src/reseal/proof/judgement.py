"""Judge traces of the old machine: a failure, replaced at the first boot, or harmless.

Every rule has a reason that can be checked. A trace that no rule covers is a failure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from reseal.proof.hits import Hit, Place
from reseal.proof.identity import Kind
from reseal.session import Mark
from reseal.windows.volumes import split_volume


class Verdict(StrEnum):
    """What a hit means."""

    LEFT_BEHIND = "left behind"
    AS_SYSPREP = "as after Sysprep"
    REPLACED = "replaced at first boot"
    HARMLESS = "known harmless"
    REPORTED = "reported only"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, with the reason and how that is known."""

    verdict: Verdict
    reason: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Context:
    """What judging needs to know of the image.

    Attributes:
        new_sid_pending: whether setupcl.exe replaces the machine's SID at the next boot, and is there.
        hives: paths, in lower case, of the hives in which it does so.
        keeps_sids: tells of a path whether Windows itself keeps SIDs there.
        vm_mode: whether the image was generalized in VM mode, so that its devices stay.
        awaited: passwords of answer files that a pass to come needs.
        current_sid: the SID that the machine has now, which setupcl.exe replaces; None if that is not known.
    """

    new_sid_pending: bool
    hives: frozenset[str]
    keeps_sids: Callable[[str], bool] = lambda _: False
    vm_mode: bool = False
    awaited: frozenset[Hit] = frozenset()
    current_sid: str | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    fits: Callable[[Hit, Context], bool]
    verdict: Verdict
    reason: str
    mark: Mark


_IDS = {Kind.VOLUME, Kind.DISK}
_IN_HIVES = {Place.KEY, Place.VALUE}
_UNREAD = {Place.UNALLOCATED, Place.SLACK, Place.DELETED}
_FILE_SYSTEM_LOGS = ("$logfile", r"$extend\$usnjrnl", r"$extend\$rmmetadata")
_LICENSING = re.compile(
    r"\\Windows NT\\CurrentVersion(\\DefaultProductKey2?)?\\\\(ProductId|DigitalProductId4?)$"
    r"|\\Internet Explorer\\Registration\\\\(ProductId|DigitalProductId4?)$",
    re.IGNORECASE,
)
_DEVICES = re.compile(
    r"^HKLM\\SYSTEM\\ControlSet\d{3}\\(Enum|Control\\(DeviceClasses|DeviceContainers|NetworkSetup2|Class))"
    r"\\",
    re.IGNORECASE,
)
_SET_BY_HAND = re.compile(r"\\\\NetworkAddress$", re.IGNORECASE)
_STORED_LINK = re.compile(r"\\PersistedStorageItemTable\\.+\\\\Link$", re.IGNORECASE)
_PROTECT = re.compile(r"\\microsoft\\protect\\s-1-5-21-[-0-9]+", re.IGNORECASE)


def _inside(hit: Hit) -> str:
    """The path of a hit on its own volume, in lower case."""
    return split_volume(hit.path)[1].lower()


def _elsewhere(hit: Hit) -> bool:
    """Whether a hit is not on the volume that holds Windows."""
    return bool(split_volume(hit.path)[0])


def _pending(hit: Hit, context: Context) -> bool:
    """Whether setupcl.exe replaces this SID: it knows the current one alone."""
    known = context.current_sid in {None, hit.value}
    return hit.kind is Kind.SID and context.new_sid_pending and known


_RULES: tuple[_Rule, ...] = (
    _Rule(
        lambda hit, _: hit.kind in _IDS,
        Verdict.REPORTED,
        "Disk, partition and volume ids stay: the boot configuration depends on them.",
        Mark.INFERRED,
    ),
    _Rule(
        lambda hit, _: hit.place in _UNREAD,
        Verdict.REPORTED,
        "Deleted data: no program reads it, and Windows overwrites it. `reseal customize --wipe-free` "
        "wipes it.",
        Mark.DOCUMENTED,
    ),
    _Rule(
        lambda hit, _: hit.place is Place.FREE_CELL,
        Verdict.HARMLESS,
        "A part of a hive that no key leads to: no reader of the registry sees it, and Windows writes "
        "over it. `reseal reg compact` removes it.",
        Mark.SEEN,
    ),
    _Rule(
        lambda hit, context: _pending(hit, context)
        and not _elsewhere(hit)
        and hit.place in {Place.KEY, Place.VALUE, Place.DESCRIPTOR}
        and hit.path.lower() in context.hives,
        Verdict.REPLACED,
        "setupcl.exe, which SetupCl's pending request starts before specialize, renames keys and "
        "rewrites values with this SID in the machine's hives and in those of ProfileList.",
        Mark.REPORTED,
    ),
    _Rule(
        lambda hit, context: _pending(hit, context) and hit.path.lower().startswith("$secure"),
        Verdict.REPLACED,
        "setupcl.exe is to replace this SID in the security descriptors of the volume's files. That "
        "flag 4 suffices is inferred; whether the files need another one (0x4000), as one report has it, is "
        "not confirmed. With --sid new or both reseal replaces them itself.",
        Mark.INFERRED,
    ),
    _Rule(
        lambda hit, context: hit.place is Place.HIVE_LOG
        and (hit.kind is not Kind.SID or _pending(hit, context)),
        Verdict.HARMLESS,
        "The log of a hive. Its applicable entries were examined in the hive; the rest is never read "
        "again and will be overwritten.",
        Mark.INFERRED,
    ),
    _Rule(
        lambda hit, _: _inside(hit).startswith(_FILE_SYSTEM_LOGS),
        Verdict.HARMLESS,
        "NTFS' own journal of changes. Nothing of a cleanly closed volume is replayed from it, and it "
        "is overwritten as the volume is used.",
        Mark.DOCUMENTED,
    ),
    _Rule(
        lambda hit, _: hit.place is Place.INDEX,
        Verdict.HARMLESS,
        "The index of a folder: the name of a file that exists is found, and judged, in the file's own "
        "record; anything else there is a deleted entry.",
        Mark.DOCUMENTED,
    ),
    _Rule(
        lambda hit, _: hit.kind is Kind.PRODUCT_ID and bool(_LICENSING.search(hit.key)),
        Verdict.HARMLESS,
        "The product id belongs to the license, which is sealed; Windows renews it when the image is "
        "activated.",
        Mark.INFERRED,
    ),
    _Rule(
        lambda hit, context: hit in context.awaited,
        Verdict.REPORTED,
        "A pass to come needs this password, and Windows deletes it from its copy of the answer file in "
        "Panther after the pass. Until then, anyone who has the image can read it.",
        Mark.DOCUMENTED,
    ),
    _Rule(
        lambda hit, context: hit.kind is Kind.MAC
        and context.vm_mode
        and bool(_SET_BY_HAND.search(hit.key)),
        Verdict.LEFT_BEHIND,
        "VM mode keeps the adapter, and this address was set by hand, so every copy has it.",
        Mark.DOCUMENTED,
    ),
    _Rule(
        lambda hit, context: hit.kind is Kind.MAC
        and context.vm_mode
        and bool(_DEVICES.match(hit.key)),
        Verdict.REPORTED,
        "VM mode keeps the adapter. The hypervisor gives the adapter of each copy its own address; whether "
        "Windows then replaces this record of the old one is not known.",
        Mark.INFERRED,
    ),
    _Rule(
        lambda hit, _: hit.kind is Kind.MAC and bool(_DEVICES.match(hit.key)),
        Verdict.HARMLESS,
        "A device of the hardware that the image was made on. On other hardware the device is absent and "
        "its address unused; Sysprep keeps such devices, too, where PersistAllDeviceInstalls is set.",
        Mark.DOCUMENTED,
    ),
    _Rule(
        lambda hit, _: hit.kind is not Kind.SID and bool(_STORED_LINK.search(hit.key)),
        Verdict.HARMLESS,
        "A file that a store app may open again: Windows keeps a shortcut to it (seen in hives of 8.1 and "
        "10), which remembers on which machine the file was last seen ([MS-SHLLINK] 2.5.10); nothing takes "
        "it for this machine's identity.",
        Mark.SEEN,
    ),
    _Rule(
        lambda hit, _: hit.path.lower().endswith(".lnk"),
        Verdict.HARMLESS,
        "A shortcut remembers on which machine its target was last seen, in order to find it again if "
        "it is moved ([MS-SHLLINK] 2.5.10); nothing takes it for this machine's identity.",
        Mark.DOCUMENTED,
    ),
    _Rule(
        lambda hit, _: hit.kind is Kind.SID and bool(_PROTECT.search(hit.path)),
        Verdict.HARMLESS,
        "The folder of a user's protected keys is found by the SID under which they were made; without "
        "it, what they protect is lost. Sysprep leaves it, too.",
        Mark.INFERRED,
    ),
    _Rule(
        lambda hit, context: _pending(hit, context) and _elsewhere(hit),
        Verdict.AS_SYSPREP,
        "Windows replaces the SID on its own volume alone, and Sysprep leaves other volumes as they are. "
        "--sid both replaces it with a profile of this Windows, and everywhere with --all-volumes.",
        Mark.DOCUMENTED,
    ),
    _Rule(
        lambda hit, context: _pending(hit, context)
        and (hit.place in _IN_HIVES or context.keeps_sids(hit.path)),
        Verdict.AS_SYSPREP,
        "Windows keeps SIDs here. Sysprep changes none: it asks setupcl.exe for a new one. Whether "
        "setupcl.exe looks here is not known. --sid both replaces it now.",
        Mark.INFERRED,
    ),
)  # fmt: skip

_LEFT = Judgement(
    Verdict.LEFT_BEHIND,
    "No known step of the next boot removes it.",
    Mark.INFERRED,
)


def judge(hit: Hit, context: Context) -> Judgement:
    """Say what a hit means: the first rule that fits."""
    for rule in _RULES:
        if rule.fits(hit, context):
            return Judgement(rule.verdict, rule.reason, rule.mark)
    return _LEFT
