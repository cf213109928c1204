"""A generalize run as text."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.operations.record import GeneralizeRecord, Written
from reseal.report import answer_file, drivers
from reseal.report.changes import counted, listed
from reseal.report.outcome import PROVED, Warned, seconds, shown, some, space


def lines(record: GeneralizeRecord, *, dry_run: bool, verbose: bool, where: str) -> Iterator[str]:
    """Yield the lines of `reseal generalize`.

    Args:
        record: the record of the run.
        dry_run: whether nothing was written.
        verbose: whether every change is listed.
        where: the image that the result is in.
    """
    done: list[str] = []
    if record["result"] == "already generalized":
        done = [_already(record, where)]
    elif not dry_run:
        target = "audit mode" if record["target"] == "audit" else "OOBE"
        done = [
            f"{where} is generalized {seconds(record)}. Its next boot runs specialize, then {target}.",
            PROVED,
        ]
    answers = record["unattend"]
    warnings = [*_unknown(record["coverage"])]
    if answers:
        warnings += answer_file.warnings(answers)
    yield from shown(
        record, done, _details(record, dry_run=dry_run, verbose=verbose),
        warnings=warnings, figures=_figures(record, verbose=verbose),
 listed=listed(record["changes"]),
        dry_run=dry_run and record["result"] != "already generalized", verbose=verbose,
    )  # fmt: skip


def _details(record: GeneralizeRecord, *, dry_run: bool, verbose: bool) -> Iterator[str]:
    if record["sid"] and not dry_run:
        again = record["after"] and record["after"].get("new_sid_at_next_boot")
        then = "is asked to replace it again" if again else "has nothing to replace"
        yield f"Its machine SID is now {record['sid']['new']}; setupcl.exe {then}."
    if record["unattend"]:
        yield from answer_file.lines(record["unattend"], verbose=verbose)
    if record["drivers"]:
        yield from drivers.added_lines(record["drivers"], verbose=verbose)
    for path in record.get("copied_out", ()):
        yield f"Copied out: {path}"
    if record["result"] == "already generalized" and not record["changes"]:
        return
    yield counted(record["changes"], "provider", verbose=verbose)
    yield from space(record)


def _figures(record: GeneralizeRecord, *, verbose: bool) -> Iterator[str]:
    if record["result"] != "already generalized":
        yield from _plan(record["coverage"])
    yield from _hives(record["written"], verbose=verbose)


def _already(record: GeneralizeRecord, where: str) -> str:
    """Say what a run did to an image that was generalized before, and where the result is."""
    image = record["image"]["path"]
    if record["sid"]:
        besides = f"its machine SID is now {record['sid']['new']}"
    elif record["drivers"]:
        besides = "the drivers were added"
    elif record["unattend"]:
        besides = "the answer file was placed"
    else:
        besides = "nothing was changed"
    if where == image:
        return f"{image} is generalized already; {besides}."
    unchanged = "nothing was changed in it" if besides == "nothing was changed" else besides
    return f"{image} is generalized already. {where} is a copy of it; {unchanged}."


def _plan(coverage: dict[str, list[str]]) -> Iterator[str]:
    yield (
        f"The image's own plan: {len(coverage['declarative'])} declarative actions, "
        f"{len(coverage['emulated'])} entry points emulated, "
        f"{len(coverage['left_to_windows'])} left to Windows, "
        f"{len(coverage['not_carried_out'])} not carried out, "
        f"{len(coverage['nothing_to_do'])} with nothing to do, "
        f"{len(coverage['unknown'])} unknown."
    )
    if coverage["disabled"]:
        yield f"Entry points switched off: {some(coverage['disabled'])}."


def _unknown(coverage: dict[str, list[str]]) -> Iterator[Warned]:
    """Warn of entry points that were passed over, by name."""
    if names := coverage["unknown"]:
        yield Warned(
            f"The image's plan calls entry points that reseal does not know, so their work was not done: "
            f"{some(names)}.",
            "Find out which program they belong to, and what it keeps of the machine; Windows' own Sysprep "
            "runs them.",
        )


def _hives(written: Written | None, *, verbose: bool) -> Iterator[str]:
    if written and (files := written["files"]):
        hives = ", ".join(written["hives"]) if verbose else some(written["hives"])
        yield (
            f"Written: {hives}; files created {files['files_created']}, deleted "
            f"{files['files_deleted']}, overwritten {files['files_overwritten']}, renamed "
            f"{files['files_renamed']}."
        )
