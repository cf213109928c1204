"""What the project's own make targets run."""
