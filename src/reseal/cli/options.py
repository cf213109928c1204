"""Arguments and options that several commands share. One name means one thing in every command."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import click

from reseal.cli.help import Force, Option, argument
from reseal.hostfile import NetworkPath

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


class HostPathType(click.Path):
    """A path of this computer. An empty one would mean the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty path.

        See `click.ParamType.convert`.
        """
        if value == "":
            self.fail("the path is empty.", param, ctx)
        if isinstance(value, str) and NetworkPath.is_url(value):
            return NetworkPath(value)
        return super().convert(value, param, ctx)


PATH = HostPathType(path_type=Path)
#: Passed on as it is typed; the reader of the file reports what is wrong with it.
FILE_OR_STDIN = click.Path(readable=False, allow_dash=True)

#: Declare an option that may have former names, and a heading in the help.
option = partial(click.option, cls=Option)


def among(*words: str, more: Callable[[], Iterable[str]] = tuple) -> Complete:
    """Complete words in a shell; the command itself refuses others.

    Args:
        words: what is always known.
        more: called when a shell completes, for words that take time to load.
    """
    return lambda _context, _parameter, incomplete: [
        word for word in (*words, *more()) if word.startswith(incomplete)
    ]


def force_option(
    *names: str, more: Callable[[], Iterable[str]] = tuple, **attributes: Any
) -> Callable[[Any], Any]:
    """Return `--force CHECK` for a command.

    Args:
        names: the checks that it can override.
        more: returns others, for completion.
        attributes: of the option, in place of the usual ones.
    """
    usual: dict[str, Any] = {
        "metavar": "|".join(names) if names else "CHECK",
        "help": "Override this check. Repeatable.",
    }
    complete = among(*names, more=more)
    return click.option(
        "--force", cls=Force, multiple=True, shell_complete=complete,
        **usual | attributes,
    )  # fmt: skip


def check_names() -> list[str]:
    """Return the checks of an image that --force overrides."""
    from reseal.checks import CHECKS  # noqa: PLC0415  slow; only completion needs them

    return [one.id for one in CHECKS if one.forceable]


def _destinations() -> Iterable[str]:
    from reseal.destinations import DESTINATIONS  # noqa: PLC0415  only completion needs them

    return [one.id for one in DESTINATIONS]


image_argument = argument(
    "image",
    type=PATH,
    help="A disk image, a block device, a WIM, or a folder with a Windows installation.",
)
images_argument = argument(
    "images",
    nargs=-1,
    required=True,
    type=PATH,
    metavar="IMAGE",
    help="Disk images, WIMs, or folders with a Windows installation.",
)
json_option = option("--json", "as_json", is_flag=True, help="Print JSON.")
volume_option = option(
    "--volume", metavar="N", help="Choose the Windows on this volume, if there are several."
)
index_option = option(
    "--index", type=int, metavar="N", help="Choose this image of a WIM (from 1), if it has several."
)
allow_backing_option = option(
    "--allow-backing", is_flag=True, help="Follow backing files outside the image's folder."
)
output_option = option(
    "--output",
    "-o",
    type=PATH,
    metavar="FILE",
    help="Write a new image; its suffix chooses the format.",
)
for_option = option(
    "--for",
    "destination",
    metavar="TOOL",
    shell_complete=among(more=_destinations),
    help="Make the output what this tool takes: azure, kubevirt, libvirt, openstack, proxmox, vagrant, "
    "vagrant-virtualbox.",
)
thin_option = option("--thin", is_flag=True, help="Make the output a qcow2 overlay over IMAGE.")
dry_run_option = option("--dry-run", is_flag=True, help="Show what would be done; write nothing.")
discard_hibernation_option = option(
    "--discard-hibernation",
    is_flag=True,
    help="Discard the hibernated session; unsaved data is lost.",
)
delete_snapshots_option = option(
    "--delete-snapshots",
    is_flag=True,
    help="Delete the internal snapshots of a qcow2; each holds the old disk.",
)


def _machines() -> Iterable[str]:
    from reseal.rehearsal import machines  # noqa: PLC0415  reads the data files

    return machines.names()


machine_option = option(
    "--machine",
    metavar="NAME",
    shell_complete=among("list", more=_machines),
    help="Choose the machine that the image goes to: a name, or FILE.toml; reseal rehearse --machine "
    "list lists them.",
)
require_rehearsal_option = option(
    "--require-rehearsal", is_flag=True, help="Refuse the run if the next boot would stop."
)
no_rehearsal_option = option(
    "--no-rehearsal", is_flag=True, help="Do not look at whether the next boot would stop."
)
quiet_option = option("--quiet", is_flag=True, help="Print nothing if the run succeeds.")
verbose_option = option(
    "--verbose", is_flag=True, help="Show everything, and every entry of every list."
)
yes_option = option("--yes", is_flag=True, help="Accept what a new SID breaks, without asking.")
drivers_option = option(
    "--drivers",
    type=PATH,
    metavar="FOLDER",
    help="Add the driver packages of this folder, or of an ISO such as virtio-win.iso, that fit the image.",
)
key_option = option(
    "--key",
    "keys",
    multiple=True,
    metavar="KIND:FILE",
    help="Open BitLocker with a key: recovery:FILE, password:FILE or bek:FILE; - for standard input. "
    "Repeatable.",
)
decrypt_option = option(
    "--decrypt", is_flag=True, help="Decrypt the volume first, if it is encrypted with BitLocker."
)
prevent_device_encryption_option = option(
    "--prevent-device-encryption",
    is_flag=True,
    help="With --decrypt: keep Windows from encrypting the volume again by itself.",
)
in_place_option = option(
    "--in-place",
    is_flag=True,
    help="Change a block device itself; with --decrypt, decrypt the image itself.",
)
disk_option = option(
    "--disk",
    "disks",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Add another disk of the same machine. All are changed, or none. Repeatable.",
)
scratch_option = option(
    "--scratch",
    type=PATH,
    metavar="DIR",
    help="Keep the overlay and the journal of a block device in this folder. Default: "
    "$XDG_STATE_HOME/reseal; for root, /var/lib/reseal.",
)
report_option = option(
    "--report",
    "report_files",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Write the record of the run as a page (.html) or data (.json). Repeatable.",
)
text_output_option = option(
    "--output", "-o", type=PATH, metavar="FILE", help="Write to a file instead of standard output."
)


def integrity_option(**attributes: Any) -> Callable[[Any], Any]:
    """Return `--integrity`, for the integrity table of a WIM."""
    return option("--integrity", "check", former=("--check",), is_flag=True, **attributes)
