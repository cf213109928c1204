"""Every check, run in one pass, and overriding them by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.answer_files import answer_files
from reseal.checks.appx_service import appx_service
from reseal.checks.bitlocker import bitlocker
from reseal.checks.declaration import FORCE, Check, Finding, Level
from reseal.checks.defender_endpoint import defender_endpoint
from reseal.checks.dirty_volume import dirty_volume
from reseal.checks.domain import domain
from reseal.checks.domain_controller import domain_controller
from reseal.checks.drive_letter import drive_letter
from reseal.checks.encrypted_files import encrypted_files
from reseal.checks.hibernation import hibernation
from reseal.checks.hives import hives
from reseal.checks.ie_provider import ie_provider
from reseal.checks.iis import iis
from reseal.checks.msmq import msmq
from reseal.checks.nps import nps
from reseal.checks.passwords import passwords
from reseal.checks.pending_renames import pending_renames
from reseal.checks.rearm import rearm
from reseal.checks.reserved_storage import reserved_storage
from reseal.checks.server_roles import server_roles
from reseal.checks.servicing import servicing
from reseal.checks.several_windows import several_windows
from reseal.checks.storage_drivers import storage_drivers_at_boot
from reseal.checks.store_apps import store_apps
from reseal.checks.sysprep_state import sysprep_state
from reseal.checks.upgraded import upgraded
from reseal.checks.vm_mode import vm_mode
from reseal.checks.windows_setup import windows_setup
from reseal.checks.windows_update import windows_update
from reseal.errors import ImageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: Every check, in the order in which they run and are shown.
CHECKS: tuple[Check, ...] = (
    bitlocker,
    hibernation,
    dirty_volume,
    hives,
    windows_setup,
    sysprep_state,
    upgraded,
    servicing,
    reserved_storage,
    pending_renames,
    store_apps,
    appx_service,
    domain,
    domain_controller,
    server_roles,
    msmq,
    iis,
    nps,
    encrypted_files,
    passwords,
    answer_files,
    vm_mode,
    drive_letter,
    several_windows,
    ie_provider,
    windows_update,
    defender_endpoint,
    rearm,
    storage_drivers_at_boot,
)


def run(session: Session) -> list[Finding]:
    """Run every check; nothing stops at the first failure, and nothing raises.

    What is damaged is said once: a check that comes across the damage again only says that it could
    not look.
    """
    findings: list[Finding] = []
    for one in CHECKS:
        try:
            findings += one(session)
        except ImageError as error:
            if any(found.damaged for found in findings):
                message = f"Not checked, since the image is damaged: {error.message}"
                findings.append(Finding(one.id, Level.NOTE, message))
            else:
                findings.append(
                    Finding(one.id, Level.ERROR, error.message, error.hint, damaged=True)
                )
    return findings


def force(names: Iterable[str]) -> frozenset[str]:
    """Turn the names that `--force` was given into switches of a session.

    Raises:
        UsageError: there is no such check, or it can't be overridden.
    """
    known = {one.id: one for one in CHECKS}
    switches = set()
    for name in names:
        if name not in known:
            msg = f"There is no check {name}."
            raise UsageError(msg, f"The checks are {', '.join(sorted(known))}.")
        if not known[name].forceable:
            msg = f"The check {name} can't be overridden."
            hint = "What it finds has to be put right in the image, or has a switch of its own."
            raise UsageError(msg, hint)
        switches.add(FORCE + name)
    return frozenset(switches)
