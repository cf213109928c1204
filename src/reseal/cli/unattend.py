"""`reseal unattend`: check, show, make and change answer files."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from reseal import answerfile
from reseal.answerfile import RULES, AnswerFile, AnswerFileError, Finding, Level, Target
from reseal.cli import unattend_apply, unattend_new
from reseal.cli.options import AllowBacking, Volume
from reseal.errors import CheckError, ImageError, ResealError, UsageError


class _Commands(TyperGroup):
    """The commands; an error of reseal's is a sentence and an exit code, not a traceback."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except ResealError as error:
            typer.echo(f"Error: {error.message}", err=True)
            if error.hint:
                typer.echo(f"What to do: {error.hint}", err=True)
            raise typer.Exit(error.exit_code) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    # A traceback with local variables could show a password.
    pretty_exceptions_enable=False,
    help="Check, show, make and change answer files.",
)
app.command("new")(unattend_new.new)
app.command("apply")(unattend_apply.apply)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Answer files.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="An answer file.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write here instead of into FILE."),
]


@app.command("check")
def check(
    files: Files,
    level: Annotated[
        Level, typer.Option(help="Leave out what is less serious than this.")
    ] = Level.NOTE,
    image: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGE",
            help="Check against the Windows in this image, too: its architecture, build, "
            "components, time zones and keyboards.",
        ),
    ] = None,
    volume: Volume = None,
    allow_backing: AllowBacking = False,
    as_json: Json = False,
) -> None:
    """Say what is wrong with answer files.

    Exit code 0: nothing, or warnings and notes only; 3: errors; 4: a file can't be read.
    """
    target = None
    if image is not None:
        from reseal.report import answer_file  # noqa: PLC0415  only an image needs engines

        target = answer_file.target_of(image, volume, allow_backing=allow_backing)
    elif volume or allow_backing:
        msg = "--volume and --allow-backing belong to an image."
        raise UsageError(msg, "Name it with --image IMAGE.")
    levels = list(Level)
    found: list[Finding] = []
    unreadable: list[AnswerFileError] = []
    for file in files:
        try:
            found += answerfile.check(AnswerFile.load(file), target)
        except AnswerFileError as error:
            unreadable.append(error)
    shown = [finding for finding in found if levels.index(finding.level) <= levels.index(level)]
    counts = Counter(finding.level for finding in found)
    if as_json:
        _print_json(
            {
                "image": _image(image, target) if image and target else None,
                "unreadable": [_unreadable(failure) for failure in unreadable],
                "findings": [finding.as_dict() for finding in shown],
                "counts": {name.value: counts[name] for name in levels},
            }
        )
    else:
        for failure in unreadable:
            hint = f"; {failure.hint}" if failure.hint else ""
            typer.echo(f"{failure.message}{hint}")
        for finding in shown:
            typer.echo(str(finding))
        words = ", ".join(_count(counts[name], name) for name in levels)
        typer.echo(f"{_count(len(files), 'file')}: {words}", err=True)
    if unreadable:
        raise typer.Exit(ImageError.exit_code)
    if counts[Level.ERROR]:
        raise typer.Exit(CheckError.exit_code)


@app.command("show")
def show(file: File, as_json: Json = False) -> None:
    """Say what an answer file makes Windows do, pass by pass. Secrets are hidden."""
    passes = answerfile.show(AnswerFile.load(file))
    if as_json:
        _print_json(
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
        typer.echo(f"{shown.name}: {shown.when}{done}")
        for step in shown.steps or ():
            typer.echo(f"  {step.text}")
        if not shown.steps:
            typer.echo("  Nothing.")


@app.command("rules")
def rules(as_json: Json = False) -> None:
    """List the rules that answer files are checked against, and how each is known."""
    if as_json:
        _print_json(
            [
                {
                    "rule": rule.identifier,
                    "level": rule.level.value,
                    "summary": rule.summary,
                    "mark": rule.mark,
                    "source": rule.source,
                }
                for rule in RULES.values()
            ]
        )
        return
    for rule in RULES.values():
        typer.echo(f"{rule.identifier} ({rule.level})\n  {rule.summary}.")
        typer.echo(f"  {rule.mark.capitalize()}: {rule.source}.")


@app.command("fmt")
def fmt(
    files: Files,
    check_only: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 3 if a file would change.")
    ] = False,
) -> None:
    """Lay answer files out: one setting a line, indented. Nothing else changes."""
    changed = []
    for file in files:
        document = AnswerFile.load(file)
        data = answerfile.formatted(document).to_bytes()
        if data == document.to_bytes():
            continue
        changed.append(file)
        if not check_only:
            _write(file, data)
    for file in changed:
        typer.echo(f"{file}: {'would be' if check_only else 'was'} laid out", err=True)
    if changed and check_only:
        raise typer.Exit(CheckError.exit_code)


@app.command("hide-secrets")
def hide_secrets(file: File, output: Output = None) -> None:
    """Hide the passwords of local accounts, as Windows System Image Manager does.

    This keeps them from being read over a shoulder and protects nothing.
    """
    document, left = answerfile.hide_passwords(AnswerFile.load(file))
    _write(output or file, document.to_bytes())
    for setting in left:
        typer.echo(
            f"{file}:{setting.position}: {setting.component.name} {setting.path} stays readable: "
            "Windows knows no hidden form for it",
            err=True,
        )


@app.command("merge")
def merge(
    base: Annotated[Path, typer.Argument(metavar="A", help="An answer file.")],
    other: Annotated[
        Path, typer.Argument(metavar="B", help="Another, whose settings are added and win.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write here instead of printing."),
    ] = None,
) -> None:
    """Merge two answer files."""
    merged = answerfile.merge(AnswerFile.load(base), AnswerFile.load(other))
    if output is None:
        typer.echo(merged.to_bytes(), nl=False)
    else:
        _write(output, merged.to_bytes())


def _write(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all; only its owner can read a new one."""
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                os.fchmod(descriptor, mode)
                file.flush()
                os.fsync(descriptor)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        msg = f"{path} can't be written: {error.strerror}"
        raise UsageError(msg) from error


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


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
