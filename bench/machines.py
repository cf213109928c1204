"""The commands on images like those that people have, compared with a floor in the same run.

`bench.images` describes the two images. All are whole processes on thin overlays, in turns; the times are
processor times of the whole process tree, so that other programs disturb them little.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench import images
from bench.process import RESEAL, Usage, in_turns, lines, run

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 3
#: Commands by the floor that they are compared with; `{}` is the image.
COMMANDS = {
    (): (
        ("generalize", "{}", "--quiet"),
        ("generalize", "{}", "--quiet", "--sid", "both"),
        ("sid", "{}", "--quiet", "--new", "--yes"),
        ("check", "{}"),
        ("inspect", "{}"),
    ),
    ("--allocated",): (("verify", "{}", "--quiet"), ("verify", "{}", "--quiet", "--deep")),
}
CLONES = 20
#: verify ends with 3 for an image that is not generalized.
_CODES = (0, 3)


def measure() -> Iterator[str]:
    """Yield the lines of the table."""
    for name, image in (("real hives", images.real()), ("large machine", images.big())):
        for option, commands in COMMANDS.items():
            floor = (sys.executable, "-m", "bench.floor", *option, "{}")
            label = "reading what is allocated (floor)" if option else "reading only (floor)"
            for command in commands:
                ways = {
                    "reseal": partial(on, image, (RESEAL, *command)),
                    label: partial(on, image, floor),
                }
                shown = " ".join(part for part in command if part not in {"{}", "--quiet", "--yes"})
                title = f"{shown}, {name}, {RUNS} runs each, processor time"
                yield from lines(title, in_turns(ways, RUNS))
    yield from _clones()
    yield from _hives()


def on(image: Path, command: tuple[str, ...]) -> Usage:
    """Run a command on a fresh overlay over an image."""
    with images.overlay(image) as over:
        return run([str(over) if part == "{}" else part for part in command], _CODES)


def _clones() -> Iterator[str]:
    """Compare thin clones of the real hives, without the start of the worker, with empty overlays."""
    golden = images.real()
    with TemporaryDirectory(dir=images.cache()) as folder:

        def clones(count: int) -> Usage:
            with images.overlay(golden) as over, TemporaryDirectory(dir=folder) as output:
                run([RESEAL, "generalize", "--quiet", str(over)])
                table = Path(output) / "machines.csv"
                table.write_text("name\n" + "".join(f"PC-{number}\n" for number in range(count)))
                fleet = Path(output) / "fleet"
                options = ("--machines", str(table), "--output-dir", str(fleet), "--jobs", "1")
                return run([RESEAL, "clone", str(over), *options, "--quiet"])

        def empty() -> Usage:
            path = Path(folder) / "empty.qcow2"
            options = ("-q", "-f", "qcow2", "-b", str(golden), "-F", "raw", str(path))
            return run(["qemu-img", "create", *options])

        taken = in_turns({"many": partial(clones, CLONES + 1), "one": partial(clones, 1)}, RUNS)
        floor = in_turns({"empty": empty}, RUNS)["empty"]
    each = (taken["many"].processor - taken["one"].processor) / CLONES
    yield f"clone, real hives, {CLONES} thin clones, one worker, processor time of each"
    yield f"  {'reseal':<32} {each:8.3f} s"
    yield f"  {'qemu-img create -b (floor)':<32} {floor.processor:8.3f} s"
    yield f"  {'ratio':<32} {each / floor.processor:8.2f}"


def _hives() -> Iterator[str]:
    hive = images.large_hive()
    peer = {"hivexml (peer)": partial(run, ["hivexml", str(hive)])}
    with TemporaryDirectory() as folder:
        output = str(Path(folder) / "export.reg")
        for name, options in (("verify", ()), ("export", ("--output", output))):
            command = [RESEAL, "reg", name, str(hive), *options]
            ways = {"reseal": partial(run, command), **peer}
            size = hive.stat().st_size / 1e6
            yield from lines(f"reg {name}, {size:.0f} MB, processor time", in_turns(ways, 1))


if __name__ == "__main__":
    for line in measure():
        print(line, flush=True)
