from __future__ import annotations

import pytest

from reseal.windows.external import company
from tests.checks.problems import version


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"MZ" + version("Contoso, Ltd."), "Contoso, Ltd."),
        # Values are aligned, so zeros may stand before them.
        (b"CompanyName".hex().encode(), None),
        (
            "CompanyName\0".encode("utf-16-le") + b"\0\0" + "Fabrikam\0".encode("utf-16-le"),
            "Fabrikam",
        ),
        ("CompanyName\0".encode("utf-16-le") + "x\x1b[31m\0".encode("utf-16-le"), None),
        ("CompanyName\0".encode("utf-16-le"), None),
        (b"", None),
    ],
)
def test_the_company_is_that_of_the_version_resource(data: bytes, name: str | None) -> None:
    assert company(data) == name
