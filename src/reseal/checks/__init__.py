"""What must hold before an image is generalized: one file per validation.

A check is a function that gets a `Session`, changes nothing and yields findings. Sysprep's validators
stop at the first failure; these all run in one pass. What an image does not have is silently fine.
"""

from reseal.checks.declaration import Check, Finding, Level, check
from reseal.checks.suite import CHECKS, force, run

__all__ = ["CHECKS", "Check", "Finding", "Level", "check", "force", "run"]
