"""What is wrong with the answer file that wins in a pass."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.answerfile import AnswerFile, Pass
from reseal.answerfile.check import RULES, check
from reseal.answerfile.findings import Finding, Level
from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.declaration import Fact, passes, stops, unknown
from reseal.rehearsal.walk import Walk
from reseal.unattend.apply import target_of
from reseal.unattend.present import Existing

_PARSE = "Windows could not parse or process the unattend answer file for pass [{}]"
#: Rules whose findings are reported to stop the pass, although Windows tolerates some of them in places.
STOPPING = {
    "duplicate-component": "boxcutter/windows-batch#50",
    "repeated-setting": "boxcutter/windows-batch#50",
    "duplicate-pass": "boxcutter/windows-batch#50",
    "unknown-setting": "ChrisTitusTech/winutil#1299",
    "misspelt-setting": "ChrisTitusTech/winutil#1299",
    "misplaced-setting": "ChrisTitusTech/winutil#1299",
    "unknown-component": "ChrisTitusTech/winutil#1299",
    "misspelt-component": "ChrisTitusTech/winutil#1299",
    "product-key-edition": "rbalsleyMSFT/FFU#29",
    "product-key-form": "Unattended Windows Setup Reference, ProductKey",
    "product-key-letters": "Unattended Windows Setup Reference, ProductKey",
    "text-length": "reported as 0x80220005: windeploy.exe ends with 0x1f",
    "padded-length": "reported as 0x80220005: windeploy.exe ends with 0x1f",
    "root-element": "Windows Setup Automation Overview",
}
#: Rules of values that Windows can't apply, if the finding is an error.
VALUES = frozenset({
    "boolean-value", "enum-value", "integer-value", "guid-value", "computer-name", "time-zone",
    "locale-form",
})  # fmt: skip
#: An empty value that stops: Windows looks at the key even if it is empty.
_EMPTY_KEY = "ProductKey"


def unreadable(walk: Walk, winner: Existing | None, name: Pass) -> Fact | None:
    """Return a fact for an answer file that Windows finds before the winner of a pass, and can't read.

    Args:
        walk: the image.
        winner: the file that the pass uses; None for none.
        name: the pass.
    """
    for one in walk.answer_files:
        if one is winner:
            return None
        if one.document is None:
            return stops(
                f"The answer file {one.path} can't be read: {one.problem}",
                _PARSE.format(name),
                Mark.REPORTED,
                sources.ANSWER_SEARCH,
                cure="reseal unattend apply IMAGE FILE",
            )
    return None


def findings(walk: Walk, winner: Existing, name: Pass) -> Iterator[Fact]:
    """Yield what Windows stops at in a pass of an answer file; that it applies, if there is nothing.

    Args:
        walk: the image.
        winner: the file that the pass uses.
        name: the pass.
    """
    assert winner.document
    bad = 0
    for finding in check(winner.document, target_of(walk.installation)):
        if (_pass_of(winner.document, finding) or Pass.SPECIALIZE) != name:
            continue
        if fact := _finding(winner, finding, name):
            bad += fact.stops
            yield fact
    if not bad:
        yield passes(f"{name} of {winner.path} applies.", Mark.DOCUMENTED, sources.ANSWER_SEARCH)


def _pass_of(document: AnswerFile, finding: Finding) -> str | None:
    """Return the pass that a finding's place is in; None for the file as a whole."""
    found = None
    for one in document.passes:
        if one.position <= finding.position:
            found = one.name
    return found


def _finding(winner: Existing, finding: Finding, name: Pass) -> Fact | None:
    text = f"{winner.path}:{finding.position}: {finding.what}; {finding.why}"
    empty = finding.rule == "empty-value" and _EMPTY_KEY in finding.what
    source = STOPPING.get(finding.rule)
    if finding.rule in VALUES and finding.level is Level.ERROR:
        source = "cloudbase/windows-imaging-tools#69"
    if empty:
        source = "Unattended Windows Setup Reference, ProductKey; 0x80070057 in specialize"
    if source:
        return stops(
            f"{text}.",
            _PARSE.format(name),
            Mark.REPORTED,
            source,
            cure="reseal unattend check FILE, and correct it",
        )
    if finding.level is Level.ERROR or finding.rule == "image-architecture":
        return unknown(f"{text}.", RULES[finding.rule].mark, RULES[finding.rule].source)
    return None
