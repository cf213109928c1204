"""Accounts without a password under a policy that requires one."""

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
    "Every account has the password that the policy requires, as far as SAM shows.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Limitations (strong account password "
    "policy); the layout of SAM: reported and seen, see reseal.windows.accounts",
)
def passwords(session: Session) -> Iterable[Finding]:
    """A policy for strong passwords survives Sysprep, even if a domain has set it.

    An account without a password then can't log on. The check finds only accounts without any hash. It
    decrypts none, so it can't judge the strength of a password.
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
            f"The password policy requires {' and '.join(rules)}, and {', '.join(without)} "
            f"{'has' if len(without) == 1 else 'have'} no password: logging on may be impossible after "
            "OOBE.",
            "Set strong passwords in the image, or in an answer file.",
            items=without,
        )
