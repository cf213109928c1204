"""The step that adds driver packages, through `reseal.drivers`."""

from __future__ import annotations

from reseal.customize.shared import Run
from reseal.customize.step import Given
from reseal.disk.iso import is_iso
from reseal.drivers import add_packages
from reseal.errors import UsageError


class Drivers:
    """The step `drivers`."""

    def __init__(self, given: Given) -> None:
        self.input = given.host("folder")
        if not self.input.is_dir() and not is_iso(self.input):
            msg = f"{self.input} is neither a folder nor an ISO image."
            raise UsageError(msg, "Name a folder with driver packages, or an .iso file.")

    def stage(self, run: Run) -> None:
        """Stage the packages, and note the result for each."""
        for one in add_packages(run.session, self.input):
            run.session.note(f"Driver package {one.inf}: {one.outcome.value}. {one.reason}")
            for warning in one.warnings:
                run.session.note(warning)
