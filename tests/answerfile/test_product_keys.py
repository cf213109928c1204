"""Public product keys: each is for one edition of one Windows, and images are told apart."""

from __future__ import annotations

import pytest

from reseal.answerfile import Target, check, product_keys
from reseal.answerfile.product_keys import Product, fits, installed, key_for, product
from reseal.answerfile.rules.identity import PRODUCT_KEY, PRODUCT_KEY_LETTERS
from tests.answerfile.samples import SHELL, document, one


def test_every_key_has_the_form_of_one_and_leads_back_to_its_product() -> None:
    keys = product_keys.keys()
    assert len(keys) > 60
    for name, key in keys.items():
        known = product(name)
        assert PRODUCT_KEY.fullmatch(key), name
        assert set(key) <= PRODUCT_KEY_LETTERS, name
        assert known is not None, name
        assert fits(key, known), name
        assert key_for(known) == ("" if "LTSB" in name else key), name
    several = {key: [name for name, one in keys.items() if one == key] for key in keys.values()}
    assert max(map(len, several.values())) == 3  # Enterprise LTSC of three years


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Windows Server 2016 SERVERSTANDARD", (True, "2016", {"standard"})),
        ("Windows Server 2012 R2 SERVERDATACENTERCORE", (True, "2012 R2", {"datacenter"})),
        ("Windows Server 2022 Datacenter (Desktop Experience)", (True, "2022", {"datacenter"})),
        ("Windows Server 2022 Datacenter: Azure Edition", (True, "2022", {"datacenter", "azure"})),
        ("windows 7 PROFESSIONAL", (False, "7", {"pro"})),
        ("Windows 10 Enterprise LTSC 2021", (False, "10", {"enterprise", "ltsc"})),
        ("Windows 11 Pro for Workstations N", (False, "11", {"pro", "workstations", "n"})),
    ],
)
def test_names_of_images(name: str, expected: tuple[bool, str, set[str]]) -> None:
    server, version, edition = expected
    assert product(name) == Product(server, version, frozenset(edition))


@pytest.mark.parametrize(
    "name",
    ["", "Windows", "Windows 11", "My golden image", "Windows 10 Enterprise Evaluation",
     "Windows Server 2019 SERVERSTANDARDEVAL", "Windows 95 Pro"],
)  # fmt: skip
def test_names_that_say_too_little(name: str) -> None:
    assert product(name) is None


@pytest.mark.parametrize(
    ("edition", "build", "name"),
    [
        ("Professional", 7601, "Windows 7 Professional"),
        ("Professional", 19045, "Windows 10 Pro"),
        ("Enterprise", 26100, "Windows 11 Enterprise"),
        ("EnterpriseS", 14393, "Windows 10 Enterprise LTSB 2016"),
        ("EnterpriseS", 17763, "Windows 10 Enterprise LTSC 2019"),
        ("ServerStandard", 9600, "Windows Server 2012 R2 Standard"),
        ("ServerDatacenter", 14393, "Windows Server 2016 Datacenter"),
        ("ServerStandard", 26100, "Windows Server 2025 Standard"),
        ("ServerTurbine", 20348, "Windows Server 2022 Datacenter: Azure Edition"),
    ],
)
def test_a_key_of_another_edition_than_the_image(edition: str, build: int, name: str) -> None:
    found = installed(edition, build)
    assert found == product(name)
    target = Target(build=build, edition=edition)

    def said(key: str) -> list[str]:
        body = f"<ProductKey>{key}</ProductKey>"
        return [f.rule for f in check(document(one("specialize", SHELL, body)), target)]

    own = product_keys.keys()[name]
    assert said(own) == []
    # A key that is not public may be of any edition.
    assert said("BCDFG-HJKMP-QRTVW-XY234-6789B") == []
    for other in ("Windows Server 2019 Standard", "Windows 8.1 Pro"):
        assert said(product_keys.keys()[other]) == ["product-key-edition"]


@pytest.mark.parametrize(("edition", "build"), [("", 19045), ("Unheard", 19045), ("Enterprise", 0)])
def test_an_image_that_says_too_little(edition: str, build: int) -> None:
    assert installed(edition, build) is None
