"""Changes to an image before it is sealed: files, registry, accounts, settings, space.

Each step is declared once, in `reseal.customize.steps`; the command line, recipes and the documentation
are generated from the declarations. The modules here, one for each subject, do the work and are loaded
when a step needs them.
"""

from typing import TYPE_CHECKING

from reseal.customize.step import Given, Step
from reseal.customize.steps import STEPS
from reseal.later import later

if TYPE_CHECKING:
    from reseal.customize.recipe import load
    from reseal.customize.run import Customization

__all__ = ["STEPS", "Customization", "Given", "Step", "load"]

# The options of a command need only the declarations.
__getattr__ = later(__name__, Customization="run", load="recipe")
