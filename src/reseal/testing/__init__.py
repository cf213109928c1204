"""Builders for hives, volumes and whole sample Windows images, from plain Python data."""
