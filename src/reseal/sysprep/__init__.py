"""Sysprep's engine: the image's own action files, the run order, the state of the next boot."""
