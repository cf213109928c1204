"""Run every measurement and print its ratio: `make bench`."""

from __future__ import annotations

from bench import generalize


def main() -> None:
    """Print one table a measurement."""
    for line in generalize.measure():
        print(line)


if __name__ == "__main__":
    main()
