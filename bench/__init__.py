"""Measurements, each beside a floor or a peer in the same run; `results` has the form of what they yield."""

import os

# Modules are compiled once, as in an installed package, not in each process that is measured.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
