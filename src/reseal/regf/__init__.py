"""Registry hives: read, recovered from their logs, edited, written."""
