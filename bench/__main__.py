"""Run every measurement and print its ratio: `make bench`."""

from __future__ import annotations

from bench import clone, fleet, generalize, regf, secure, sid, startup, verify, wim


def main() -> None:
    """Print one table a measurement."""
    for module in (generalize, secure, sid, clone, fleet, verify, wim, startup):
        for line in module.measure():
            print(line)
    regf.main()


if __name__ == "__main__":
    main()
