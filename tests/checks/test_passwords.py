"""Accounts without a password, and policies that ask for one."""

from __future__ import annotations

import pytest

from reseal.checks.passwords import passwords
from reseal.testing.machine import Machine
from tests.builders import session
from tests.checks.problems import account, policy, users

DISABLED = 0x11


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (policy(), None),
        (policy(properties=1), "requires characters of several kinds,"),
        (policy(length=7), "requires at least 7 characters,"),
        (policy(properties=0xFFFFFFFE), None),
        (b"", None),
    ],
)
def test_only_a_policy_that_asks_for_something_matters(rules: bytes, words: str | None) -> None:
    sam = users({"000003E9": account(hash_size=4), "000003EA": account(hash_size=20)}, F=rules)
    [one] = passwords(session(Machine(sam=sam)))
    assert one.level == ("warning" if words else "ok")
    assert (words or "") in one.message


@pytest.mark.parametrize("size", [0, 4, 24])
def test_no_hash_is_no_password_in_both_formats(size: int) -> None:
    sam = users(
        {"000003E9": account(hash_size=size), "000003EA": account(hash_size=size)},
        F=policy(length=1),
    )
    [one] = passwords(session(Machine(sam=sam)))
    assert one.items == ("Alice", "Bob")


@pytest.mark.parametrize("size", [20, 56])
def test_an_account_with_a_hash_or_that_is_disabled_is_fine(size: int) -> None:
    sam = users(
        {"000003E9": account(hash_size=size), "000003EA": account(flags=DISABLED, hash_size=4)},
        F=policy(length=1),
    )
    assert passwords(session(Machine(sam=sam)))[0].level == "ok"


def test_what_sam_does_not_tell_is_not_guessed() -> None:
    sam = users({"000003E9": {"F": b"", "V": b""}, "000003EA": {}}, F=policy(length=1))
    assert passwords(session(Machine(sam=sam)))[0].level == "ok"
