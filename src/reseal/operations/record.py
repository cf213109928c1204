"""The record of a run that changes an image, for `--report` and for callers.

It is plain data, since it comes out of the worker as JSON. `reseal.report` has the schema of it, which
is the public contract; the types here say the same to a type checker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, cast

from reseal.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reseal.proof.identity import MachineIdentity
    from reseal.windows import Installation

#: The form of the record; `reseal/report/schema/<name>.json` describes it.
SCHEMA = "record-1"
DRY_RUN = "dry run"
ALREADY_GENERALIZED = "already generalized"

_STRUCTURE = (
    "Structure: what was touched in each registry hive was verified before it was written, and read "
    "back afterwards; the volume was opened again after it was closed."
)
COMPLETENESS = (
    "Completeness: everything that differs is in this record; the image was written as a whole or not "
    "at all."
)
PROVED = (_STRUCTURE, COMPLETENESS)
NOT_PROVED = (
    "A boot: no Windows ran here.",
    "Anything marked inferred rests on observation or reasoning, not on a document.",
)


class ImageFacts(TypedDict):
    """The image: its size in bytes, None for a folder; `index` of a WIM's image; internal snapshots."""

    path: str
    format: str
    size: int | None
    index: NotRequired[int]
    snapshots: NotRequired[list[str]]


class WindowsFacts(TypedDict):
    """The Windows of the image."""

    volume: int
    root: str
    product_name: str | None
    build: int | None


class IdentityFacts(TypedDict):
    """The identity of a machine, as `reseal.proof.identity.MachineIdentity` saves it."""

    format: str
    version: int
    machine_sid: str | None
    computer_name: str | None
    machine_guid: str | None
    product_id: str | None
    mac_addresses: list[str]
    user_names: list[str]
    volume_serial: str | None
    disk_ids: list[str]
    fresh_sid: str | None


class StateFacts(TypedDict):
    """The state of Windows Setup, as `reseal.windows.setup.SetupState` reads it."""

    image_state: str | None
    generalization_state: int | None
    setup_type: int | None
    cmd_line: str | None
    oobe_in_progress: int | None
    audit_boot: int | None


class Owner(TypedDict):
    """The identity of an installation, and what its next boot does."""

    identity: IdentityFacts
    new_sid_at_next_boot: bool
    state: StateFacts


class ChangeRecord(TypedDict):
    """One change of the image, as `reseal.session.Change` describes it."""

    provider: str
    kind: str
    target: str
    before: dict[str, Any] | str | None
    after: dict[str, Any] | str | None
    mark: str


class FilesWritten(TypedDict):
    """How many files a run wrote, and how many bytes."""

    files_created: int
    files_deleted: int
    files_overwritten: int
    files_renamed: int
    bytes_written: int


class Written(TypedDict):
    """What was written: hives by their files' names; files are None for boot configuration data."""

    hives: list[str]
    files: FilesWritten | None


class Space(TypedDict):
    """Bytes that the image's file takes on this computer."""

    before: int
    after: int


class DecryptedVolume(TypedDict):
    """A BitLocker volume that was decrypted first; sizes in bytes."""

    volume: int
    size: int
    written: int
    cipher: str
    id: str
    seconds: float


class CheckRecord(TypedDict):
    """What a check found, as `reseal.checks.Finding` describes it."""

    check: str
    level: str
    message: str
    hint: str | None
    code: str | None
    sysprep_says: str | None
    items: list[str]
    damaged: bool


class DriverRecord(TypedDict):
    """The outcome of one driver package."""

    inf: str
    outcome: str
    reason: str
    version: str | None


class AnswerFinding(TypedDict):
    """What the check of an answer file found."""

    file: str
    line: int
    column: int
    level: str
    rule: str
    what: str
    why: str
    instead: str


class SettingRecord(TypedDict):
    """A setting of an answer file, and its outcome."""

    configuration_pass: str
    component: str
    setting: str
    line: int
    column: int
    reason: str


class AnswerFileRecord(TypedDict):
    """The outcome of an answer file, without the values of settings."""

    file: str
    placed: str | None
    to_run: list[str]
    moved_aside: list[str]
    findings: list[AnswerFinding]
    warnings: list[str]
    applied: list[SettingRecord]
    not_applied: list[SettingRecord]
    left_to_windows: list[SettingRecord]
    drivers: list[DriverRecord]


class DescriptorsRecord(TypedDict):
    """The security descriptors of a volume: how many hold the old SID, and whether they changed."""

    volume: int
    distinct: int
    with_sid: int
    changed: bool


class LeftRecord(TypedDict):
    """A file in which the old SID stays."""

    path: str
    format: str
    count: int | None
    reason: str


class SidPlaces(TypedDict):
    """Where a machine SID was replaced, and where it stays."""

    hives: dict[str, dict[str, int]]
    descriptors: list[DescriptorsRecord]
    files: dict[str, int]
    names: list[str]
    left: list[LeftRecord]


class SidChange(SidPlaces):
    """A machine SID that was replaced by another."""

    old: str
    new: str


class RunRecord(TypedDict):
    """What the records of all operations share.

    Before the image is written (in the worker) `image`, `changes`, `notes`, `written`, `traffic` and
    `timings` are missing.
    """

    schema: str
    command: str
    reseal: str
    image: ImageFacts
    windows: WindowsFacts | None
    before: Owner | None
    after: Owner | None
    result: str
    summary: str
    changes: list[ChangeRecord]
    notes: list[str]
    written: Written | None
    traffic: dict[str, int] | None
    timings: dict[str, float]
    proved: list[str]
    not_proved: list[str]
    space: NotRequired[Space]
    wiped: NotRequired[dict[str, int]]
    decrypted: NotRequired[DecryptedVolume | None]
    destination: NotRequired[dict[str, Any]]


class KeptRecord(TypedDict):
    """What stays because a provider does not run, as `reseal.proof.known.Kept` describes it."""

    provider: str
    title: str
    places: int
    targets: list[str]
    option: str


class GeneralizeRecord(RunRecord):
    """The record of `reseal generalize`."""

    target: str
    checks: list[CheckRecord]
    coverage: dict[str, list[str]]
    kept: list[KeptRecord]
    unattend: AnswerFileRecord | None
    sid: SidChange | None
    drivers: list[DriverRecord] | None
    copied_out: NotRequired[list[str]]


class BootRecord(RunRecord):
    """The record of `reseal boot`; one of --recover has neither a target nor an answer file."""

    target: NotRequired[str]
    unattend: NotRequired[AnswerFileRecord | None]


class SidRecord(RunRecord):
    """The record of `reseal sid`; it lists the places if the SID was replaced now."""

    old: str
    new: str | None
    effects: list[str]
    hives: NotRequired[dict[str, dict[str, int]]]
    descriptors: NotRequired[list[DescriptorsRecord]]
    files: NotRequired[dict[str, int]]
    names: NotRequired[list[str]]
    left: NotRequired[list[LeftRecord]]


class SpecializeRecord(RunRecord):
    """The record of `reseal specialize`."""

    generalized: bool
    computer_name: str | None
    machine_sid: str | None
    sid_when: str | None
    machine_guid: str | None
    effects: list[str]
    unattend: AnswerFileRecord | None
    applied: list[SettingRecord]
    sid_change: SidPlaces | None
    drivers: list[DriverRecord]


class CustomizeRecord(RunRecord):
    """The record of `reseal customize`."""

    copied_out: list[str]


class UnattendRecord(RunRecord):
    """The record of `reseal unattend apply`."""

    unattend: AnswerFileRecord


def blank(command: str) -> dict[str, Any]:
    """Return the fields of every record, as a run that changed nothing fills them.

    Args:
        command: its command, without `reseal`.
    """
    return {
        "schema": SCHEMA,
        "command": command,
        "reseal": __version__,
        "windows": None,
        "before": None,
        "after": None,
        "changes": [],
        "notes": [],
        "written": None,
        "traffic": None,
        "proved": [],
        "not_proved": list(NOT_PROVED),
    }


def owner(installation: Installation) -> Owner:
    """Return the identity of an installation and what its next boot does, with staged changes."""
    from dataclasses import asdict

    from reseal.proof.identity import MachineIdentity
    from reseal.windows.setup import SetupState, new_sid_pending

    return {
        "identity": cast("IdentityFacts", MachineIdentity.of(installation).to_json()),
        "new_sid_at_next_boot": new_sid_pending(installation.registry),
        "state": cast("StateFacts", asdict(SetupState.of(installation))),
    }


def identity_text(record: Mapping[str, Any]) -> str:
    """Return the identity that a run found, as a file for `verify --identity`."""
    return _identity(record).to_text()


def _identity(record: Mapping[str, Any]) -> MachineIdentity:
    from dataclasses import replace

    from reseal.proof.identity import MachineIdentity

    identity = MachineIdentity.from_json(record["before"]["identity"], "The record")
    return replace(identity, fresh_sid=(record.get("sid") or {}).get("new"))
