"""Programs for the make targets of the project."""
