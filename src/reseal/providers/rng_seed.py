"""The seed of the random number generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

RNG = r"HKLM\SYSTEM\RNG"
#: Eight letters (`SeedFile` in Windows 7, `Running!` in Windows 10) and a number precede the 64 bytes
#: of the seed (seen).
_HEADER = 12


@provider(
    "rng-seed",
    "Replace the seed of the random number generator",
    mark=Mark.SEEN,
    source="form: seen in real SYSTEM hives of Windows 7 and 10; that it is read at boot: documented "
    "(Microsoft, The Windows 10 random number generation infrastructure); ExternalEntropy: reported "
    "in a recipe for applied images; what Sysprep does: not confirmed",
)
def rng_seed(session: Session) -> None:
    r"""Randomness saved by the last session for the next startup.

    Windows feeds `Seed` in `SYSTEM\RNG` into the generator when it starts. Clones with the same seed and
    little other entropy begin with the same random numbers, from which they derive their first keys.
    reseal writes new random bytes behind the value's header and deletes `ExternalEntropy`, which Setup
    leaves for one startup. `ExternalEntropyCount` is a counter and stays.
    """
    key = session.registry.key(RNG)
    seed = key.value("Seed") if key else None
    if seed is not None and len(seed.data) > _HEADER:
        data = seed.data
        fresh = data[:_HEADER] + session.random(len(data) - _HEADER)
        session.set_value(RNG, "Seed", seed.type, fresh)
    session.delete_value(RNG, "ExternalEntropy")
