"""The answer file of one machine of a fleet: a filled-in template, and the settings of the table.

| column | result |
|---|---|
| owner, organization, product_key, time_zone | the settings of these names of Shell-Setup in specialize |
| locale | International-Core in specialize and oobeSystem |
| mac, addresses, gateway, dns | an interface of TCPIP and DNS-Client, found by its MAC address |
| domain, and any other | only the variable `${…}` of that name in the template |

A column that a template uses as a variable appears only where the template puts it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial

from reseal.answerfile import AnswerFile, Answers, Finding, NewInterface, Secret, fill, make
from reseal.clone.plan import ClonePlan, FleetMachine

#: Columns that become settings without a template.
SETTINGS = ("owner", "organization", "product_key", "time_zone", "locale")
NETWORK = ("mac", "addresses", "gateway", "dns")


@lru_cache(maxsize=16)
def _parsed(name: str, encoded: str) -> AnswerFile:
    return AnswerFile(base64.b64decode(encoded), name)


def template_of(machine: FleetMachine, plan: ClonePlan) -> AnswerFile | None:
    """Return a machine's answer file with its variables filled in; None if it has none.

    Raises:
        AnswerFileError: a variable has no value.
    """
    if machine.template is None:
        return None
    return fill(_parsed(machine.template, plan.templates[machine.template]), machine.variables)


def unfilled(findings: Iterable[Finding]) -> list[str]:
    """Return warnings about variables of a template that no column fills in."""
    return [
        f"{one.file}:{one.position}: {one.what}, and no column of the table has this name. {one.why}."
        for one in findings
        if one.rule == "template-variable"
    ]


def language_for(locale: str, languages: Sequence[str]) -> str:
    """Return the display language for a locale: the locale, or else the first that the image has."""
    has = {one.casefold() for one in languages}
    return locale if not (locale and has) or locale.casefold() in has else languages[0]


def settings_of(
    machine: FleetMachine, languages: Sequence[str] = ()
) -> Callable[[str], AnswerFile] | None:
    """Return a function that makes the answer file of a machine's columns for an architecture, or None.

    Args:
        machine: the machine.
        languages: the image's languages. If the locale's is missing, the display language stays.
    """

    def one(column: str) -> str:
        return machine.answers.get(column, [""])[0]

    if not machine.answers.keys() & {*SETTINGS, "addresses", "dns"}:
        return None
    interface = NewInterface(
        identifier=one("mac"),
        addresses=tuple(machine.answers.get("addresses", ())),
        gateways=tuple(machine.answers.get("gateway", ())),
        servers=tuple(machine.answers.get("dns", ())),
    )
    key = one("product_key")
    answers = Answers(
        owner=one("owner"),
        organization=one("organization"),
        locale=one("locale"),
        language=language_for(one("locale"), languages),
        time_zone=one("time_zone"),
        product_key=Secret(key) if key else None,
        interfaces=(interface,),
        hide_pages=False,
    )
    return partial(make, answers)
