"""The rules, by subject. Importing this package registers all of them."""

from reseal.answerfile.rules import (
    accounts,
    commands,
    disks,
    identity,
    joining,
    lists,
    modes,
    names,
    network,
    regional,
    secrets,
    structure,
    values,
)

__all__ = [
    "accounts",
    "commands",
    "disks",
    "identity",
    "joining",
    "lists",
    "modes",
    "names",
    "network",
    "regional",
    "secrets",
    "structure",
    "values",
]
