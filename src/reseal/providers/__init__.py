"""Providers: each one removes or replaces one part of an installation's identity.

A provider is a function that takes a `Session` and stages changes through it. The command line and the
documentation are generated from its declaration. Agents of other vendors are rows of a table in
`reseal.providers.agents`. `reseal.providers.plugins.every` returns all providers, including those of
other packages.
"""

from reseal.providers.declaration import Provider, provider

__all__ = ["Provider", "provider"]
