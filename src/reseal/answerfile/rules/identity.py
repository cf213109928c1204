"""Computer name and product key."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reseal.answerfile import product_keys
from reseal.answerfile.components import DEPLOYMENT, SETUP, SHELL
from reseal.answerfile.document import Setting
from reseal.answerfile.findings import Context, Level, Problem, rule
from reseal.answerfile.passes import Pass
from reseal.mark import Mark

#: Documented: ComputerName.
COMPUTER_NAME_BYTES = 15
_FORBIDDEN_IN_COMPUTER_NAME = frozenset("{|}~[\\]^':;<=>?@!\"#$%`()+/.,*& \t\r\n")

#: Documented: UserData/ProductKey/Key. The letters are those that keys are made of (reported: the
#: key's base-24 alphabet, and N for keys since Windows 8).
PRODUCT_KEY = re.compile(r"[A-Z0-9]{5}(-[A-Z0-9]{5}){4}", re.IGNORECASE)
PRODUCT_KEY_LETTERS = frozenset("BCDFGHJKMPQRTVWXY2346789N-")


def computer_name_problem(name: str) -> tuple[str, str, str] | None:
    """Say what is wrong with a computer name: what, why, what instead; None where nothing is."""
    size = len(name.encode())
    if size > COMPUTER_NAME_BYTES:
        return (
            f"the computer name has {size} bytes",
            f"it can't be longer than {COMPUTER_NAME_BYTES}",
            "shorten it, or write * for a random one",
        )
    wrong = sorted(set(name) & _FORBIDDEN_IN_COMPUTER_NAME)
    if wrong:
        named = " ".join("space" if letter.isspace() else letter for letter in wrong)
        return (
            f"the computer name holds {named}",
            "DNS and NetBIOS do not allow that",
            "write letters, digits and hyphens, or * alone for a random one",
        )
    if name.isdigit():
        return (
            "the computer name consists of digits only",
            "DNS takes that for an address",
            "put a letter into it",
        )
    if name.startswith("-") or name.endswith("-"):
        return (
            "the computer name starts or ends with a hyphen",
            "DNS does not allow that",
            "write letters, digits and hyphens inside",
        )
    return None


@rule(
    "computer-name",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, ComputerName",
)
def computer_name(context: Context) -> Iterator[Problem]:
    """A computer name has at most 15 bytes, no forbidden character, and is not a number."""
    for component, path in ((SHELL, "ComputerName"), (DEPLOYMENT, "AuditComputerName/Name")):
        for setting in context.values_at(component, path):
            problem = computer_name_problem(setting.text) if setting.text != "*" else None
            if problem:
                yield Problem(setting.value_position, *problem)


def _product_keys(context: Context) -> Iterator[Setting]:
    yield from context.values_at(SHELL, "ProductKey")
    yield from context.values_at(SETUP, "UserData/ProductKey/Key")


@rule(
    "product-key-form",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, UserData ProductKey Key; Setup fails otherwise",
)
def product_key_form(context: Context) -> Iterator[Problem]:
    """A product key has five groups of five letters and digits."""
    for setting in _product_keys(context):
        if not setting.children and not PRODUCT_KEY.fullmatch(setting.text):
            yield Problem(
                setting.value_position,
                "this is not the form of a product key",
                "Windows Setup stops at an invalid key",
                "write five groups of five, with hyphens between them",
            )


@rule(
    "product-key-letters",
    Level.WARNING,
    mark=Mark.REPORTED,
    source="the alphabet of product keys. All zeros is a placeholder that real files use",
)
def product_key_letters(context: Context) -> Iterator[Problem]:
    """A product key holds only letters and digits that keys are made of."""
    for setting in _product_keys(context):
        key = setting.text.upper()
        if not PRODUCT_KEY.fullmatch(key) or set(key) == {"0", "-"}:
            continue
        wrong = sorted(set(key) - PRODUCT_KEY_LETTERS)
        if wrong:
            yield Problem(
                setting.value_position,
                f"the product key holds {' '.join(wrong)}",
                "product keys avoid letters that are easily misread",
                "compare it with the key that you were given",
            )


@rule(
    "product-key-edition",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Key Management Services (KMS) client activation and product keys; seen: a template "
    "with the key of another Windows in its file for Server 2016",
)
def product_key_edition(context: Context) -> Iterator[Problem]:
    """A public product key is that of the edition that is installed."""
    for setting in _product_keys(context):
        if setting.children:
            continue
        for product, called in _installed(context, setting):
            if product_keys.fits(setting.text, product) is not False:
                continue
            key = product_keys.key_for(product)
            yield Problem(
                setting.value_position,
                "the product key is the public one of "
                + " and ".join(product_keys.products_of(setting.text)[:2]),
                f"the image is {called}, and Windows refuses the key of another edition",
                f"write {key}, the public key of it" if key else "write a key of that edition",
            )


def _installed(context: Context, setting: Setting) -> Iterator[tuple[product_keys.Product, str]]:
    """Yield what a key is for: the image that Setup installs, or the one that is checked against."""
    chosen = [
        (product, f'"{value.text[:60]}"')
        for item in context.at(SETUP, "ImageInstall/OSImage/InstallFrom/MetaData")
        if item.text_of("Key").casefold() == "/image/name"
        and (value := item.child("Value")) is not None
        and (product := product_keys.product(value.text))
    ]
    yield from chosen[:1]
    target = context.target
    if not chosen and setting.pass_name != Pass.WINDOWS_PE:
        product = product_keys.installed(target.edition, target.build)
        if product is not None:
            yield product, f"{target.edition}, build {target.build}"
