"""Check an answer file against all rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.answerfile import rules, schema
from reseal.answerfile.findings import RULES, Context, Finding, Target
from reseal.answerfile.source import printable

if TYPE_CHECKING:
    from reseal.answerfile.document import AnswerFile

#: The most findings for one file; a file with more is no file that somebody wrote.
MAX_FINDINGS = 10_000

#: The longest clause of a finding; names in a hostile file can be longer.
_CLAUSE = 300

__all__ = ["check", "rules"]


def check(document: AnswerFile, target: Target | None = None) -> list[Finding]:
    """Return what is wrong with an answer file, in the order of the text.

    Args:
        document: the answer file.
        target: the Windows it is meant for; None where that is not known.
    """
    context = Context(document, schema.load(), target or Target())
    findings: list[Finding] = []
    for rule in RULES.values():
        for problem in rule.check(context):
            if len(findings) >= MAX_FINDINGS:
                break
            what, why, instead = (printable(clause, _CLAUSE) for clause in problem.clauses)
            findings.append(
                Finding(
                    file=document.name,
                    position=problem.position,
                    level=rule.level,
                    rule=rule.identifier,
                    what=what,
                    why=why,
                    instead=instead,
                )
            )
    return sorted(findings, key=lambda finding: (finding.position, finding.rule))
