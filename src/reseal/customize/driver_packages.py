"""Driver packages, as `reseal.drivers` adds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.customize.step import Argument, Kind, step
from reseal.errors import UsageError
from reseal.session import Mark

if TYPE_CHECKING:
    from reseal.customize.shared import Run
    from reseal.customize.step import Given


@step(
    "drivers",
    "Drivers",
    Argument("folder", "a folder of this machine with INF files in it, at any depth", Kind.HOST),
    mark=Mark.INFERRED,
    source="see `reseal.drivers`",
    example=("virtio-win",),
)
class Drivers:
    """Add the driver packages of a folder that fit the image, and register what it needs to boot."""

    def __init__(self, given: Given) -> None:
        self.input = given.host("folder")
        if not self.input.is_dir():
            msg = f"{self.input} is no folder."
            raise UsageError(msg, "Name a folder with driver packages in it.")

    def stage(self, run: Run) -> None:
        """Stage the packages, and say what became of each."""
        from reseal.drivers import add_packages  # noqa: PLC0415  few runs add any

        for one in add_packages(run.session, self.input):
            run.session.note(f"Driver package {one.inf}: {one.outcome.value}. {one.reason}")
            for warning in one.warnings:
                run.session.note(warning)
