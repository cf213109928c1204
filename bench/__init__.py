"""Measurements, each with a floor or a peer in the same run. `results` describes their output format."""

import os

# Compile modules once, as in an installed package, not in each measured process.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
