"""The record of a run, as plain data for JSON and as text for people."""
