"""Rehearse the boot of a powered-off Windows: where would it stop, ask or wait?

Each module of `stages` is one stage of the boot, in the order in which a machine goes through them. A stage
looks at what the image holds and yields facts, each with the mark and the source of its meaning. Nothing is
executed, and nothing proves that a boot succeeds: NVRAM, the firmware's keys, the hardware and the outcome of
commands are not in the image.

`machines` has the machines, a data file each.
"""

from reseal.rehearsal.declaration import Fact, Result, Stage
from reseal.rehearsal.run import rehearse, stages
from reseal.rehearsal.walk import Walk

__all__ = ["Fact", "Result", "Stage", "Walk", "rehearse", "stages"]
