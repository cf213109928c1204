"""The schema: nothing of the reference is lost, and its supplement says where it comes from."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from reseal.answerfile import schema
from tests.conftest import CORPUS

TOOL = Path(__file__).parents[2] / "tools" / "unattend_schema.py"


def read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((files("reseal.answerfile") / name).read_text("utf-8"))
    return data


@pytest.fixture(scope="module")
def dataset() -> dict[str, Any]:
    """The facts that the schema is compiled from."""
    path = CORPUS.parent / "facts" / "unattend-schema.json"
    if not path.is_file():
        pytest.skip("the dataset that the schema is compiled from is not at hand")
    data: dict[str, Any] = json.loads(path.read_text())
    return data


@pytest.fixture(scope="module")
def tool() -> Any:
    """The script that compiles it."""
    spec = importlib.util.spec_from_file_location("unattend_schema", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_schema_is_what_the_script_makes_of_the_dataset(
    dataset: dict[str, Any], tool: Any
) -> None:
    committed = (files("reseal.answerfile") / "schema.json").read_text("utf-8")

    assert committed == tool.to_text(tool.compile_schema(dataset))


def test_no_component_no_setting_and_no_pass_is_lost(dataset: dict[str, Any], tool: Any) -> None:
    theirs = {
        (tool.RENAMED.get(name, name), path): setting["passes"]
        for name, component in dataset["components"].items()
        if not component.get("page_only")
        for path, setting in component["settings"].items()
    }
    ours = {
        (name, path): passes_of(component, path)
        for name, component in read("schema.json")["components"].items()
        for path in component["settings"]
    }

    assert ours == theirs
    assert len(ours) == dataset["meta"]["setting_pages"]


def passes_of(component: dict[str, Any], path: str) -> list[str]:
    """Return the passes of a setting, which it inherits where it has none of its own."""
    while path:
        passes: list[str] | None = component["settings"].get(path, {}).get("passes")
        if passes is not None:
            return passes
        path = path.rpartition("/")[0]
    passes = component["passes"]
    assert passes is not None
    return passes


def test_facts_of_the_dataset_are_kept(dataset: dict[str, Any], tool: Any) -> None:
    for name, component in dataset["components"].items():
        for path, facts in component.get("settings", {}).items():
            ours = read_setting(tool.RENAMED.get(name, name), path)
            assert ours.get("max") == facts.get("max_length")
            assert ours.get("empty") == facts.get("empty_allowed")
            assert ours.get("list", False) == facts.get("list_item", False)
            assert ours.get("keyed", False) == facts.get("keyed", False)
            assert ours.get("required", False) == facts.get("required_mentioned", False)
            assert ours.get("deprecated", False) == facts.get("deprecated_mentioned", False)
            assert ours.get("container", False) == (facts["node"] == "container")


def read_setting(name: str, path: str) -> dict[str, Any]:
    setting: dict[str, Any] = SCHEMA["components"][name]["settings"][path]
    return setting


SCHEMA = read("schema.json")


def test_counts() -> None:
    """The counts that are known of the reference, where the dataset is not at hand."""
    components = SCHEMA["components"]
    passes = Counter(
        name
        for component in components.values()
        for path in component["settings"]
        for name in passes_of(component, path)
    )

    assert len(components) == 82
    assert sum(len(component["settings"]) for component in components.values()) == 1120
    assert passes == {
        "specialize": 748,
        "oobeSystem": 414,
        "auditUser": 264,
        "offlineServicing": 206,
        "windowsPE": 158,
        "generalize": 101,
        "auditSystem": 83,
    }


def test_the_supplement_names_its_sources_and_changes_what_exists() -> None:
    supplement = read("supplement.json")
    for name, component in supplement["components"].items():
        for path, row in component["settings"].items():
            assert row["source"], path
            known = SCHEMA["components"].get(name, {"settings": {}})["settings"]
            assert path not in known, f"{path} is in the reference: it belongs into corrections"
    for name, rows in supplement["corrections"].items():
        for path, row in rows.items():
            assert row["source"]
            assert path in SCHEMA["components"][name]["settings"]
            changed = {key: value for key, value in row.items() if key != "source"}
            assert (
                changed
                != {key: SCHEMA["components"][name]["settings"][path].get(key) for key in changed}
                or not changed
            )


def test_keys_and_values_of_keyed_items_are_no_elements() -> None:
    component = schema.load().find("microsoft-windows-tcpip")
    assert component is not None
    address = component.find("Interfaces/Interface/UnicastIpAddresses/IPADDRESS")

    assert address is not None
    assert (address.type, address.is_list, address.is_keyed) == ("string", True, True)
    assert component.children(address.path) == []


def test_passes_are_inherited() -> None:
    shell = schema.load().find("Microsoft-Windows-Shell-Setup")
    assert shell is not None
    tile = shell.find("StartTiles/SquareTiles/SquareTile1/AppId")
    skip = shell.find("OOBE/SkipMachineOOBE")

    assert tile is not None
    assert tile.passes == {"specialize", "auditUser", "oobeSystem"}
    assert skip is not None
    assert skip.passes == {"oobeSystem"}
    assert skip.deprecated


@pytest.mark.parametrize(
    ("word", "found"),
    [("ComputrName", "ComputerName"), ("COMPUTERNAMES", "ComputerName"), ("Timezones", "TimeZone")],
)
def test_nearest(word: str, found: str) -> None:
    assert schema.nearest(word, ["TimeZone", "ComputerName", "CopyProfile"]) == found
    assert schema.nearest("Xyzzy", ["TimeZone"]) == ""


def test_how_many_settings_have_the_windows_that_has_them() -> None:
    """Of all settings with a value; where no source says it, a setting is never called too new."""
    known = [one for c in schema.load().components.values() for one in c.settings.values()]
    leaves = [one for one in known if not one.is_container]

    assert len(leaves) == 888
    assert Counter(one.since for one in leaves if one.since) == {
        "Windows 8": 104,
        "Windows 8.1": 31,
        "Windows 10": 64,
        "Windows 10 1607": 16,
        "Windows 10 1703": 2,
        "Windows 10 1709": 2,
        "Windows 10 1803": 1,
        "Windows 10 1809": 3,
    }
    assert Counter(one.until for one in leaves if one.until) == {
        "Windows 8": 7,
        "Windows 10 1511": 12,
        "Windows 10 1703": 2,
        "Windows 10 1709": 1,
    }
    assert {one.since for one in known} | {one.until for one in known} <= {"", *schema.BUILDS}
    assert {one.retired for one in known} <= {"", *schema.BUILDS}


def test_what_contains_a_setting_is_as_old(tool: Any) -> None:
    shell = schema.load().find("Microsoft-Windows-Shell-Setup")
    assert shell is not None
    tile = shell.find("StartTiles/SquareTiles/SquareTile1/AppId")
    newer = shell.find("StartTiles/SquareTiles/SquareOrDesktopTile7/AppIdOrPath")
    support = shell.find("OEMInformation/SupportProvider")

    assert tile is not None
    assert newer is not None
    assert support is not None
    assert [one.since for one in (tile, newer, support)] == [
        "Windows 8",
        "Windows 8.1",
        "Windows 10 1709",
    ]
    assert support.is_too_new(14393)
    assert not support.is_too_new(17763)
    assert not support.is_too_new(0)


def test_every_change_of_the_script_names_a_setting_of_the_reference(tool: Any) -> None:
    names = {name.casefold(): component for name, component in SCHEMA["components"].items()}
    for table in (tool.NEW, tool.LAST, tool.RETIRED):
        for changes in table.values():
            for component, paths in changes:
                own = {path.casefold() for path in names[component.casefold()]["settings"]}
                assert {path.casefold() for path in paths} <= own
