"""The seed of the random number generator."""

from __future__ import annotations

import pytest

from reseal.providers.rng_seed import RNG
from reseal.testing.machine import Machine
from tests.builders import session
from tests.providers.judge import judge, run


def test_the_seed_is_new_behind_its_header() -> None:
    old = b"Running!" + bytes(4) + b"s" * 64
    values = {"Seed": old, "ExternalEntropy": b"e", "ExternalEntropyCount": 2}
    one = session(Machine(system={"RNG": values}))
    assert run("rng-seed", one) == {r"SYSTEM\RNG\Seed", r"SYSTEM\RNG\ExternalEntropy"}
    new = one.registry.value(RNG, "Seed")
    assert isinstance(new, bytes)
    assert (len(new), new[:12]) == (len(old), old[:12])
    assert new[12:] == bytes(range(64))
    judge(one)


@pytest.mark.parametrize("seed", [b"", b"Running!", "text"])
def test_a_value_that_is_no_seed_is_left_alone(seed: object) -> None:
    one = session(Machine(system={"RNG": {"Seed": seed}}))
    assert run("rng-seed", one) == set()
