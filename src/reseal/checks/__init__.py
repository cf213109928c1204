"""What must hold before an image is generalized: one file per validation."""

from reseal.checks.bitlocker import bitlocker
from reseal.checks.declaration import Check, Finding, Level, check
from reseal.checks.dirty_volume import dirty_volume
from reseal.checks.domain import domain
from reseal.checks.hibernation import hibernation
from reseal.checks.hives import hives
from reseal.checks.servicing import servicing

#: Every check, in the order in which they are shown.
CHECKS: tuple[Check, ...] = (bitlocker, hibernation, dirty_volume, hives, servicing, domain)

__all__ = ["CHECKS", "Check", "Finding", "Level", "check"]
