"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reseal.cli.help import argument

if TYPE_CHECKING:
    from collections.abc import Callable


class HostPathType(click.Path):
    """A path of this computer. An empty one would mean the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty path."""
        if value == "":
            self.fail("the path is empty.", param, ctx)
        return super().convert(value, param, ctx)


PATH = HostPathType(path_type=Path)
#: As it is typed; whoever reads it says what is wrong with it.
FILE_OR_STDIN = click.Path(readable=False, allow_dash=True)


def among(*words: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Let a shell complete these words; what else is given, a command refuses in words of its own."""
    return lambda _context, _parameter, incomplete: [
        word for word in words if word.startswith(incomplete)
    ]


image_argument = argument(
    "image", type=PATH, help="A disk image, a WIM, or a folder that holds a Windows."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
volume_option = click.option(
    "--volume", metavar="N", help="Which Windows, where the image holds several: its volume."
)
index_option = click.option(
    "--index",
    type=int,
    metavar="N",
    help="Which image, where a WIM has several: its index, from 1.",
)
allow_backing_option = click.option(
    "--allow-backing", is_flag=True, help="Follow backing files outside the image's folder."
)
force_option = click.option(
    "--force",
    multiple=True,
    metavar="CHECK",
    help="Go on although this check finds an error; repeatable.",
)
output_option = click.option(
    "--output",
    type=PATH,
    metavar="FILE",
    help="Write a new image; its suffix names the format.",
)
thin_option = click.option(
    "--thin", is_flag=True, help="Make a qcow2 output an overlay over IMAGE."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Write nothing.")
delete_snapshots_option = click.option(
    "--delete-snapshots",
    is_flag=True,
    help="Delete the internal snapshots of a qcow2, each of which holds the old disk.",
)
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress.")
verbose_option = click.option(
    "--verbose", is_flag=True, help="Tell each thing on a line of its own."
)
drivers_option = click.option(
    "--drivers",
    type=PATH,
    metavar="FOLDER",
    help="Add the driver packages in it that fit the image.",
)
key_option = click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KIND:FILE",
    help="Open BitLocker with a key: recovery:FILE, password:FILE or bek:FILE; - is standard input. "
    "Repeatable.",
)
decrypt_option = click.option(
    "--decrypt", is_flag=True, help="Decrypt the volume first, if BitLocker encrypts it."
)
prevent_device_encryption_option = click.option(
    "--prevent-device-encryption",
    is_flag=True,
    help="With --decrypt: keep Windows from encrypting by itself.",
)
in_place_option = click.option(
    "--in-place", is_flag=True, help="Decrypt the image itself, rather than write a new one."
)
report_option = click.option(
    "--report",
    "report_files",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Keep the record of the run: a page (.html) or data (.json). Repeatable.",
)
