"""What people do to an image before they seal it: files, registry, accounts, settings, space.

Each step is declared once, in `reseal.customize.steps`; the command line, recipes and the documentation
are made of that. What a step does is in the module of its subject here, which is loaded for it.
"""

from typing import TYPE_CHECKING

from reseal.customize.step import Given, Step
from reseal.customize.steps import STEPS
from reseal.later import later

if TYPE_CHECKING:
    from reseal.customize.recipe import load
    from reseal.customize.run import Customization

__all__ = ["STEPS", "Customization", "Given", "Step", "load"]

# The options of a command are made of the declarations alone.
__getattr__ = later(__name__, Customization="run", load="recipe")
