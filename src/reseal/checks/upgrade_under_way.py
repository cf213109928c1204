"""An upgrade of Windows that has not finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.mark import Mark
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

_VALUES = {
    "Upgrade": "an upgrade of Windows is under way",
    "RollbackActive": "Windows is going back to the version before an upgrade",
}


@check(
    "upgrade-under-way",
    "No upgrade of Windows is under way.",
    mark=Mark.REPORTED,
    source="interoperability notes: which values the kernel reads at start-up (reported)",
    order=30,  # the state of Windows as a whole
)
def upgrade_under_way(session: Session) -> Iterable[Finding]:
    r"""Setup works on this installation until `Upgrade` and `RollbackActive` in `SYSTEM\Setup` are 0.

    The next boot belongs to that work. An image armed for specialize would lose it.
    """
    for name, meaning in _VALUES.items():
        value = session.registry.value(setup.SETUP, name)
        if isinstance(value, int) and value:
            yield error(
                f"SYSTEM\\Setup {name} is {value}: {meaning}.",
                "Boot the image and let Windows finish; then shut it down.",
            )
