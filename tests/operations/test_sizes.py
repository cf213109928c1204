"""Human-readable sizes."""

import pytest

from reseal.operations import sizes


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (None, "—"),
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (40_000, "39.1 KiB"),
        ((1 << 20) - 1, "1.0 MiB"),
        (64 << 30, "64.0 GiB"),
        (5000 << 40, "5000.0 TiB"),
    ],
)
def test_a_size_is_shown_in_the_unit_in_which_it_is_short(size: int | None, shown: str) -> None:
    assert sizes.shown(size) == shown
