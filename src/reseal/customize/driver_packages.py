"""Driver packages, as `reseal.drivers` adds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.drivers import add_packages
from reseal.errors import UsageError

if TYPE_CHECKING:
    from reseal.customize.shared import Run
    from reseal.customize.step import Given


class Drivers:
    """The work of `drivers`."""

    def __init__(self, given: Given) -> None:
        self.input = given.host("folder")
        if not self.input.is_dir():
            msg = f"{self.input} is no folder."
            raise UsageError(msg, "Name a folder with driver packages in it.")

    def stage(self, run: Run) -> None:
        """Stage the packages, and say what became of each."""
        for one in add_packages(run.session, self.input):
            run.session.note(f"Driver package {one.inf}: {one.outcome.value}. {one.reason}")
            for warning in one.warnings:
                run.session.note(warning)
