"""What a package offers without loading it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

PACKAGES = (
    "reseal.customize",
    "reseal.drivers",
    "reseal.run",
    "reseal.session",
    "reseal.windows",
    "reseal.wim",
)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_where_it_is_said_to_be(package: str) -> None:
    module = import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None, name
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_is_loaded_when_it_is_asked_for(package: str) -> None:
    code = (
        f"import sys, {package} as it\n"
        "before = set(sys.modules)\n"
        "[getattr(it, name) for name in it.__all__]\n"
        f"print(any(one.startswith({package + '.'!r}) for one in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "True\n"
