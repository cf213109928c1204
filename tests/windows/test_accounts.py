"""Accounts and the password policy in real hives."""

from __future__ import annotations

from pathlib import Path

from reseal.testing.memory import MemoryTree
from reseal.windows import Installation
from reseal.windows.accounts import Account, PasswordPolicy, accounts
from reseal.windows.registry import Registry
from tests.builders import session


def registry(corpus: Path, machine: str) -> Registry:
    """The registry of a real machine of which SAM is at hand."""
    files = {path.name: path.read_bytes() for path in (corpus / "machines" / machine).glob("SAM*")}
    return Installation(
        MemoryTree({"Windows": {"System32": {"config": files}}}), "Windows"
    ).registry


def test_windows_10_21h1(corpus: Path) -> None:
    """Hashes in the newer format; Andrew Rathbun never set a password."""
    found = registry(corpus, "win10-21h1")
    assert accounts(found) == [
        Account(500, "Administrator", disabled=True, has_password=False),
        Account(501, "Guest", disabled=True, has_password=False),
        Account(503, "DefaultAccount", disabled=True, has_password=False),
        Account(504, "WDAGUtilityAccount", disabled=True, has_password=True),
        Account(1001, "AndrewRathbun", disabled=False, has_password=False),
    ]
    assert PasswordPolicy.of(found) == PasswordPolicy(complex=False, minimum_length=0)


def test_windows_8_1_with_the_policy_of_its_domain(corpus: Path) -> None:
    """Hashes in the older format."""
    found = registry(corpus, "win81-domain-joined")
    assert accounts(found) == [
        Account(500, "Administrator", disabled=True, has_password=True),
        Account(501, "Guest", disabled=True, has_password=False),
        Account(1001, "gold_administrator", disabled=False, has_password=True),
    ]
    assert PasswordPolicy.of(found) == PasswordPolicy(complex=True, minimum_length=7)


def test_the_sample_tells_nothing() -> None:
    found = session().registry
    assert [(one.rid, one.name, one.has_password) for one in accounts(found)] == [
        (1001, "Alice", None),
        (1002, "Bob", None),
    ]
    assert PasswordPolicy.of(found) == PasswordPolicy()
