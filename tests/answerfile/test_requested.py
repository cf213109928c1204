"""Where an answer file wants the next boot to go."""

from __future__ import annotations

from reseal.answerfile import requested_mode
from tests.answerfile.samples import DEPLOYMENT, component, document, one, settings, unattend


def test_the_requested_mode() -> None:
    generalize = "<Generalize><Mode>Audit</Mode></Generalize>"
    reseal = "<Reseal><ForceShutdownNow>true</ForceShutdownNow></Reseal>"

    both = requested_mode(document(one("auditUser", DEPLOYMENT, reseal + generalize)))
    assert both is not None
    assert (both.mode, both.generalize, both.shutdown) == ("audit", True, False)
    only = requested_mode(document(one("oobeSystem", DEPLOYMENT, reseal)))
    assert only is not None
    assert (only.mode, only.generalize, only.shutdown) == ("oobe", False, True)
    assert requested_mode(document(unattend())) is None


def resealing(pass_name: str, mode: str, *, done: bool = False) -> str:
    text = settings(pass_name, component(DEPLOYMENT, f"<Reseal><Mode>{mode}</Mode></Reseal>"))
    return text.replace('">', '" wasPassProcessed="true">', 1) if done else text


def test_a_pass_that_is_done_asks_for_nothing() -> None:
    done = resealing("auditUser", "Audit", done=True)

    assert requested_mode(document(unattend(done))) is None
    still = requested_mode(document(unattend(done, resealing("oobeSystem", "OOBE"))))
    assert still is not None
    assert still.mode == "oobe"


def test_of_several_passes_the_one_that_the_next_boot_runs_first_counts() -> None:
    passes = [
        resealing("auditSystem", "OOBE"),
        resealing("auditUser", "OOBE"),
        resealing("oobeSystem", "Audit"),
    ]
    for order in (passes, passes[::-1]):
        found = requested_mode(document(unattend(*order)))
        assert found is not None
        assert (found.mode, found.disagreeing) == ("audit", ("auditSystem", "auditUser"))


def test_passes_that_agree_are_not_mentioned() -> None:
    passes = resealing("auditUser", "OOBE"), resealing("oobeSystem", "OOBE")
    found = requested_mode(document(unattend(*passes)))
    assert found is not None
    assert (found.mode, found.disagreeing) == ("oobe", ())
