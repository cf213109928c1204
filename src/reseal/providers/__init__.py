"""What makes an installation one machine: one file per provider.

A provider is a function that gets a `Session` and calls its verbs. Its declaration holds all that the
command line and the documentation say of it. Agents that Sysprep does not know are rows of a table,
in `reseal.providers.agents`. `reseal.providers.plugins.every` returns all of them, those of other
packages too.
"""

from reseal.providers.declaration import Provider, provider

__all__ = ["Provider", "provider"]
