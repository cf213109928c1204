"""Answer files: read, check, show, make, change."""
