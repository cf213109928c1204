"""Sysprep's engine: the image's action files, the order of the run, the state for the next boot."""
