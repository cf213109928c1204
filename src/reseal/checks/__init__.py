"""Conditions that an image must meet before it is generalized: one file per check.

A check is a function that takes a `Session`, changes nothing and yields findings. Sysprep's validators
stop at the first failure; reseal runs all checks in one pass. Features that an image lacks are skipped.
"""

from reseal.checks.declaration import Check, Finding, Level, check
from reseal.checks.suite import CHECKS, force, run

__all__ = ["CHECKS", "Check", "Finding", "Level", "check", "force", "run"]
