"""Accounts without a password under a policy that asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark
from reseal.windows.accounts import PasswordPolicy, accounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "passwords",
    "Every account has the password that the policy asks for, as far as SAM tells.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Limitations (strong account password "
    "policy); the layout of SAM: reported and seen, see reseal.windows.accounts",
)
def passwords(session: Session) -> Iterable[Finding]:
    """A policy for strong passwords outlives Sysprep, also where a domain had set it.

    Whoever has no password then can't log on any more. Only accounts without any hash are seen: none
    is decrypted, and how strong a password is can't be told.
    """
    policy = PasswordPolicy.of(session.registry)
    if not policy.complex and not policy.minimum_length:
        return
    without = [
        one.name
        for one in accounts(session.registry)
        if one.has_password is False and one.disabled is False
    ]
    if without:
        rules = [f"at least {policy.minimum_length} characters"] if policy.minimum_length else []
        rules += ["characters of several kinds"] if policy.complex else []
        yield warning(
            f"The password policy asks for {' and '.join(rules)}, and {', '.join(without)} "
            f"{'has' if len(without) == 1 else 'have'} no password: logging on may be impossible after "
            "OOBE.",
            "Set strong passwords in the image, or have an answer file set them.",
            items=without,
        )
