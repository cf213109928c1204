"""What copies share besides the identity of the old machine: addresses set by hand, readable passwords."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.answerfile import Setting
from reseal.answerfile.passes import Pass
from reseal.answerfile.secrets import is_product_key, secrets
from reseal.proof.hits import Hit, Place
from reseal.proof.identity import Kind
from reseal.session import Session
from reseal.unattend.present import STILL_TO_RUN, existing, users
from reseal.windows import Registry
from reseal.windows.addresses import fixed_addresses
from reseal.windows.setup import MODE_MARK

_MAX = 1000


def in_vm_mode(registry: Registry) -> bool:
    """Whether the image was generalized in VM mode, which keeps its devices."""
    return registry.text(MODE_MARK, "Mode") == "vm"


def addresses(session: Session) -> Iterator[Hit]:
    """Yield IP addresses that were set by hand on adapters that VM mode has kept."""
    registry = session.registry
    if not in_vm_mode(registry):
        return
    for one in fixed_addresses(registry):
        if not one.mac:
            key = rf"{one.path}\\IPAddress"
            file = registry.file("SYSTEM") or ""
            yield Hit(Kind.ADDRESS, one.shown, "text", Place.VALUE, file, key)


def passwords(session: Session) -> tuple[list[Hit], frozenset[Hit]]:
    """Return the readable passwords of the image's answer files, and those that a pass still needs."""
    files = existing(session)
    used = users(files, STILL_TO_RUN)
    found: list[Hit] = []
    awaited: set[Hit] = set()
    for one in files:
        for setting in secrets(one.document) if one.document else ():
            if is_product_key(setting) or len(found) >= _MAX:
                continue
            name = setting.pass_name
            shown = f"{setting.path.removesuffix('/Value')} ({name})"
            hit = Hit(Kind.PASSWORD, shown, _form(setting), Place.CONTENT, one.path)
            found.append(hit)
            if name in set(Pass) and used.get(name) is one:
                awaited.add(hit)
    return found, frozenset(awaited)


def _form(setting: Setting) -> str:
    plain = setting.parent.text_of("PlainText").casefold()
    return "only encoded" if plain == "false" else "plain text"
