"""What people do to an image before they seal it: files, registry, accounts, settings, space.

Each step is declared once, in the module of its subject; `STEPS` holds all of them, and the command
line, recipes and the documentation are made of it.
"""

from reseal.customize import accounts, files, permissions, registry
from reseal.customize.recipe import load
from reseal.customize.run import Customization
from reseal.customize.step import STEPS, Given, Step

__all__ = [
    "STEPS",
    "Customization",
    "Given",
    "Step",
    "accounts",
    "files",
    "load",
    "permissions",
    "registry",
]
