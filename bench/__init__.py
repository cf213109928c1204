"""Measurements, each beside a floor or a peer in the same run; `results` has the form of what they yield."""
