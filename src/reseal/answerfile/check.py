"""Check an answer file against all rules."""

from __future__ import annotations

from reseal.answerfile import schema
from reseal.answerfile.document import AnswerFile
from reseal.answerfile.findings import Context, Finding, Rule, Target
from reseal.answerfile.source import printable
from reseal.declaration import declared

#: The most findings for one file; real files have fewer.
MAX_FINDINGS = 10_000

#: The longest clause of a finding; names in a hostile file can be longer.
_CLAUSE = 300

#: Every rule by its id.
RULES: dict[str, Rule] = {one.id: one for one in declared("reseal.answerfile.rules", Rule)}


def check(document: AnswerFile, target: Target | None = None) -> list[Finding]:
    """Return the findings of all rules for an answer file, in the order of the text.

    Args:
        document: the answer file.
        target: the Windows that it is meant for; None if unknown.
    """
    context = Context(document, schema.load(), target or Target())
    findings: list[Finding] = []
    for rule in RULES.values():
        for problem in rule(context):
            if len(findings) >= MAX_FINDINGS:
                break
            what, why, instead = (printable(clause, _CLAUSE) for clause in problem.clauses)
            findings.append(
                Finding(
                    file=document.name,
                    position=problem.position,
                    level=rule.level,
                    rule=rule.id,
                    what=what,
                    why=why,
                    instead=instead,
                )
            )
    return sorted(findings, key=lambda finding: (finding.position, finding.rule))
