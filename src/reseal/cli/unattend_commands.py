"""The commands of `reseal unattend`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from reseal import answerfile
from reseal.answerfile import RULES, AnswerFileError, Finding, Level, Target
from reseal.cli import unattend_apply, unattend_new
from reseal.cli.console import print_json
from reseal.cli.help import argument
from reseal.cli.options import FILE_OR_STDIN, PATH, json_option
from reseal.cli.run import LOOKING, Run, shares
from reseal.cli.unattend import unattend
from reseal.errors import CheckError, ImageError, UsageError, os_errors
from reseal.hostfile import replace_file
from reseal.operations.answers import STANDARD_INPUT, load
from reseal.operations.operation import Writing
from reseal.operations.unattend import windows_of

_files = argument(
    "files",
    type=FILE_OR_STDIN,
    nargs=-1,
    required=True,
    metavar="FILE",
    help="Answer files; - for standard input.",
)
_file = argument("file", type=FILE_OR_STDIN, help="An answer file; - for standard input.")


unattend.add_command(unattend_new.new)
unattend.add_command(unattend_apply.apply)


@unattend.command("check")
@_files
@click.option(
    "--level",
    type=click.Choice([one.value for one in Level]),
    default=Level.NOTE.value,
    show_default=True,
    help="Hide what is less serious than this.",
)
@click.option(
    "--image",
    type=PATH,
    metavar="IMAGE",
    help="Check against the Windows in this image, too: its architecture, build, "
    "components, time zones and keyboards.",
)
@shares(*LOOKING)
def check(files: tuple[str, ...], level: str, image: Path | None, run: Run) -> None:
    """Check answer files.

    Exit code 0 if there are only warnings and notes, 3 for errors, 4 if a file can't be read.
    """
    target = _checked_against(image, run.writing)
    levels = list(Level)
    found: list[Finding] = []
    unreadable: list[AnswerFileError] = []
    for file in files:
        try:
            found += answerfile.check(load(file), target)
        except AnswerFileError as error:
            unreadable.append(error)
    shown = [
        finding for finding in found if levels.index(finding.level) <= levels.index(Level(level))
    ]
    counts = Counter(finding.level for finding in found)
    readable = len(unreadable) < len(files)
    if run.as_json:
        print_json(
            {
                "image": _image(image, target) if image and target else None,
                "unreadable": [_unreadable(failure) for failure in unreadable],
                "findings": [finding.as_dict() for finding in shown],
                # Nothing is said of files that can't be read, least of all that they have no errors.
                "counts": {name.value: counts[name] for name in levels} if readable else None,
            }
        )
    else:
        _print_findings(unreadable, shown, _count(len(files), "file"), counts if readable else None)
    if unreadable:
        raise SystemExit(ImageError.exit_code)
    if counts[Level.ERROR]:
        raise SystemExit(CheckError.exit_code)


@unattend.command("show")
@_file
@json_option
def show(file: str, as_json: bool) -> None:
    """Explain what an answer file makes Windows do, pass by pass. Secrets are hidden."""
    passes = answerfile.show(load(file))
    if as_json:
        print_json(
            {
                "file": str(file),
                "passes": [
                    {
                        "pass": shown.name,
                        "when": shown.when,
                        "processed": shown.processed,
                        "steps": [
                            {
                                "line": step.position.line,
                                "column": step.position.column,
                                "component": step.component,
                                "setting": step.setting,
                                "text": step.text,
                            }
                            for step in shown.steps
                        ],
                    }
                    for shown in passes
                ],
            }
        )
        return
    for shown in passes:
        done = " (done already: not run again)" if shown.processed else ""
        click.echo(f"{shown.name}: {shown.when}{done}")
        for step in shown.steps or ():
            click.echo(f"  {step.text}")
        if not shown.steps:
            click.echo("  Nothing.")


@unattend.command("rules")
@json_option
def rules(as_json: bool) -> None:
    """List the rules that answer files are checked against, and how each is known."""
    if as_json:
        print_json(
            [
                {
                    "rule": rule.id,
                    "level": rule.level.value,
                    "summary": rule.title.removesuffix("."),
                    "mark": rule.mark,
                    "source": rule.source,
                }
                for rule in RULES.values()
            ]
        )
        return
    for rule in RULES.values():
        click.echo(f"{rule.id} ({rule.level})\n  {rule.title}")
        click.echo(f"  {rule.mark.capitalize()}: {rule.source}.")


@unattend.command("fmt")
@_files
@click.option(
    "--check",
    "check_only",
    is_flag=True,
    help="Change nothing; exit code 3 if a file would change.",
)
def fmt(files: tuple[str, ...], check_only: bool) -> None:
    """Format answer files: one setting per line, indented. Nothing else changes."""
    changed = []
    for file in files:
        document = load(file)
        data = answerfile.formatted(document).to_bytes()
        if file == STANDARD_INPUT and not check_only:
            click.echo(data, nl=False)
        if data == document.to_bytes():
            continue
        changed.append(document.name)
        if not check_only and file != STANDARD_INPUT:
            _write(Path(file), data)
    for name in changed:
        click.echo(f"{name}: {'would be' if check_only else 'was'} laid out", err=True)
    if changed and check_only:
        raise SystemExit(CheckError.exit_code)


@unattend.command("hide-secrets")
@_file
@click.option(
    "--output",
    "-o",
    type=PATH,
    metavar="FILE",
    help="Write here rather than back to FILE; - prints.",
)
def hide_secrets(file: str, output: Path | None) -> None:
    """Hide the passwords of local accounts, as Windows System Image Manager does.

    This obscures them at a glance. It is not encryption.
    """
    document, left = answerfile.hide_passwords(load(file))
    _write(output or Path(file), document.to_bytes())
    for setting in left:
        click.echo(
            f"{document.name}:{setting.position}: {setting.component.name} {setting.path} stays readable: "
            "Windows knows no hidden form for it",
            err=True,
        )


@unattend.command("merge")
@argument("base", type=FILE_OR_STDIN, metavar="A", help="An answer file; - for standard input.")
@argument(
    "other",
    type=FILE_OR_STDIN,
    metavar="B",
    help="Another; its settings are added and override those of A.",
)
@click.option(
    "--output", "-o", type=PATH, metavar="FILE", help="Write here instead of printing; - prints."
)
def merge(base: str, other: str, output: Path | None) -> None:
    """Merge two answer files."""
    merged = answerfile.merge(load(base), load(other))
    if output is None:
        click.echo(merged.to_bytes(), nl=False)
    else:
        _write(output, merged.to_bytes())


def _checked_against(image: Path | None, opening: Writing) -> Target | None:
    """Return the Windows that answer files are checked against; None without an image."""
    if image is not None:
        return windows_of(image, opening)
    if opening != Writing():
        msg = "--volume, --index, --key and --allow-backing belong to an image."
        raise UsageError(msg, "Name it with --image IMAGE.")
    return None


def _print_findings(
    unreadable: list[AnswerFileError],
    shown: list[Finding],
    files: str,
    counts: Counter[Level] | None,
) -> None:
    """Print what was found; `counts` is None where no file could be read."""
    for failure in unreadable:
        hint = f"; {failure.hint}" if failure.hint else ""
        click.echo(f"{failure.message}{hint}")
    for finding in shown:
        click.echo(str(finding))
    words = [f"{len(unreadable)} can't be read"] if unreadable else []
    if counts is not None:
        words.append(", ".join(_count(counts[name], name) for name in Level))
    click.echo(f"{files}: {'; '.join(words)}", err=True)


def _write(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all; only its owner can read a new one."""
    if str(path) == STANDARD_INPUT:
        click.echo(data, nl=False)
        return
    with os_errors(f"{path} can't be written"):
        replace_file(path, data)


def _unreadable(failure: AnswerFileError) -> dict[str, object]:
    place = failure.position
    return {
        "file": failure.file,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "problem": failure.problem,
        "hint": failure.hint,
    }


def _image(path: Path, target: Target) -> dict[str, object]:
    return {
        "path": str(path),
        "architecture": target.architecture,
        "build": target.build,
        "components": None if target.components is None else len(target.components),
    }


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
