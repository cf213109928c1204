"""Walk through all stages, and record what each would do."""

from __future__ import annotations

from itertools import islice
from typing import Any

from reseal.declaration import declared
from reseal.errors import NoWindowsError, ResealError
from reseal.mark import Mark
from reseal.rehearsal.declaration import Fact, Result, Stage, unknown
from reseal.rehearsal.walk import Walk

#: Limits of a stage's report: a hostile image may have any number of drivers with any names.
MAX_FACTS = 500
MAX_TEXT = 2_000


def stages() -> tuple[Stage, ...]:
    """Return all stages, in the order of the boot."""
    return declared("reseal.rehearsal.stages", Stage)


def rehearse(walk: Walk) -> dict[str, Any]:
    """Walk through the boot of an image; return the record of it.

    Args:
        walk: the image and the machine.
    """
    done: list[dict[str, Any]] = []
    for one in stages():
        done.append(_stage(one, walk))
        if done[-1]["result"] == Result.STOPS:
            walk.stopped.append(one.id)
    return {
        "machine": walk.machine.name if walk.machine else None,
        "firmware": walk.firmware,
        "firmware_assumed": walk.firmware_assumed,
        "secure_boot": walk.secure_boot,
        "stages": done,
        **_verdict(done, walk),
    }


def _stage(one: Stage, walk: Walk) -> dict[str, Any]:
    facts: list[Fact] = []
    try:
        facts.extend(islice(one.run(walk), MAX_FACTS))
    except NoWindowsError as error:
        facts.append(unknown(error.message, Mark.SEEN, "this image"))
    except Exception as error:  # noqa: BLE001  a hostile image must not end the run of a command
        said = error.message if isinstance(error, ResealError) else type(error).__name__
        text = f"What this stage reads is damaged: {said}"
        facts.append(unknown(text, Mark.SEEN, "this image"))
    # The first of the heaviest; where all pass, the last one, which has come furthest.
    heaviest = max(facts, key=lambda fact: fact.result.weight, default=None)
    if heaviest and heaviest.result is Result.PASSES:
        heaviest = facts[-1]
    result = heaviest.result if heaviest else Result.PASSES
    return {
        "name": one.id,
        "title": one.title,
        "result": result.value,
        "said": _shortened(heaviest.text if heaviest else "There is nothing to look at."),
        "symptom": heaviest.symptom if heaviest else None,
        "cure": heaviest.cure if heaviest else None,
        "hypothetical": bool(walk.stopped),
        "facts": [{**fact.to_json(), "text": _shortened(fact.text)} for fact in facts],
    }


def _verdict(done: list[dict[str, Any]], walk: Walk) -> dict[str, Any]:
    """Return the verdict of all stages: the heaviest result, and the first stage that has it."""
    results = [Result(one["result"]) for one in done]
    unclear = sum(one is Result.UNKNOWN for one in results)
    heavy = [one for one in results if one not in {Result.PASSES, Result.UNKNOWN}]
    if not heavy and walk.opened is None:
        return {
            "verdict": Result.UNKNOWN.value,
            "stage": None,
            "unknown": unclear,
            "statement": f"Whether the boot would stop can't be told: {walk.trouble}",
        }
    if not heavy:
        tail = f"; {unclear} of {len(done)} stages can't be told from the image" if unclear else ""
        return {
            "verdict": Result.PASSES.value,
            "stage": None,
            "unknown": unclear,
            "statement": f"Nothing in the image would stop the boot{tail}. Not proved: a boot.",
        }
    worst = max(heavy, key=lambda one: one.weight)
    first = next(one for one in done if one["result"] == worst)
    statement = f"The boot {worst} in the stage {first['name']}: {first['said']}"
    return {
        "verdict": worst.value,
        "stage": first["name"],
        "unknown": unclear,
        "statement": statement,
    }


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} …"
