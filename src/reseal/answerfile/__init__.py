"""Answer files: read, check, show, make, change.

`AnswerFile` reads one, `check` looks for what is wrong with it, `show` says what it does. What
changes one returns another: `formatted`, `merge`, `hide_passwords`, `mark`, `reset`, `scrub`,
`fill`. `make` makes one from answers, and `requested_mode` says where one wants the next boot to go.
Nothing here opens an image; `reseal.unattend` applies an answer file to one.
"""

from reseal.answerfile.answers import Answers, DomainJoin, NewAccount, NewInterface
from reseal.answerfile.check import RULES, check
from reseal.answerfile.document import AnswerFile, Component, PassSettings, Setting
from reseal.answerfile.findings import Finding, Level, Rule, Target
from reseal.answerfile.layout import formatted
from reseal.answerfile.merge import merge
from reseal.answerfile.new import make
from reseal.answerfile.passes import Pass
from reseal.answerfile.processed import Scrubbed, mark, reset, scrub, still_to_run
from reseal.answerfile.requested import RequestedMode, requested_mode
from reseal.answerfile.secrets import Secret, hide_passwords
from reseal.answerfile.show import ShownPass, Step, show
from reseal.answerfile.source import AnswerFileError, Position
from reseal.answerfile.template import fill, in_own_style, variables

__all__ = [
    "RULES",
    "AnswerFile",
    "AnswerFileError",
    "Answers",
    "Component",
    "DomainJoin",
    "Finding",
    "Level",
    "NewAccount",
    "NewInterface",
    "Pass",
    "PassSettings",
    "Position",
    "RequestedMode",
    "Rule",
    "Scrubbed",
    "Secret",
    "Setting",
    "ShownPass",
    "Step",
    "Target",
    "check",
    "fill",
    "formatted",
    "hide_passwords",
    "in_own_style",
    "make",
    "mark",
    "merge",
    "requested_mode",
    "reset",
    "scrub",
    "show",
    "still_to_run",
    "variables",
]
