"""The whole command line, for those who look at all of it: documentation and tests."""

from __future__ import annotations

from reseal.cli.commands import application

app = application()
