"""What people do to an image before they seal it: files, registry, accounts, settings, space.

Each step is declared once, in the module of its subject; `STEPS` holds all of them, and the command
line, recipes and the documentation are made of it.
"""

from reseal.customize import (
    accounts,
    appearance,
    driver_packages,
    files,
    permissions,
    profile,
    registry,
    remote,
    scripts,
    space,
    system,
)
from reseal.customize.recipe import load
from reseal.customize.run import Customization
from reseal.customize.step import STEPS, Given, Step

#: The modules that declare steps, in the order in which people are shown them.
SUBJECTS = (
    files,
    permissions,
    registry,
    scripts,
    accounts,
    system,
    remote,
    profile,
    appearance,
    driver_packages,
    space,
)
_ORDER = [module.__name__ for module in SUBJECTS]
for _name in sorted(STEPS, key=lambda name: _ORDER.index(STEPS[name].make.__module__)):
    STEPS[_name] = STEPS.pop(_name)

__all__ = ["STEPS", "SUBJECTS", "Customization", "Given", "Step", "load"]
