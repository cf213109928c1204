"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

ImagePath: TypeAlias = Annotated[
    Path,
    typer.Argument(metavar="IMAGE", help="A disk image, a WIM, or a folder that holds a Windows."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Volume: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="N", help="Which Windows, where the image holds several: its volume."),
]
Index: TypeAlias = Annotated[
    int | None,
    typer.Option(metavar="N", help="Which image, where a WIM has several: its index, from 1."),
]
AllowBacking: TypeAlias = Annotated[
    bool,
    typer.Option("--allow-backing", help="Follow backing files outside the image's folder."),
]
Force: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="CHECK", help="Go on although this check finds an error; repeatable."),
]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
Verbose: TypeAlias = Annotated[
    bool, typer.Option("--verbose", help="Tell each thing on a line of its own.")
]
Drivers: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--drivers", metavar="FOLDER", help="Add the driver packages in it that fit the image."
    ),
]
ReportFiles: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Keep the record of the run: a page (.html) or data (.json). Repeatable.",
    ),
]
