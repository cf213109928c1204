"""What hits are taken for, and how sure that is."""

from __future__ import annotations

from reseal.proof.judgement import _RULES, Verdict
from reseal.session import Mark


def test_that_descriptors_are_replaced_at_the_first_boot_is_inferred() -> None:
    """One report names a second flag for the files of the volume, which is not set."""
    (one,) = [each for each in _RULES if "security descriptors of the volume" in each.reason]
    assert one.verdict is Verdict.REPLACED
    assert one.mark is Mark.INFERRED
    assert "not confirmed" in one.reason
