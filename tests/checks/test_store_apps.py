"""Which packages count as installed for a user but not provisioned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reseal.checks.declaration import Finding
from reseal.checks.store_apps import Package, store_apps
from reseal.customize.run import Customization
from reseal.customize.steps import STEPS
from reseal.testing.machine import Machine
from tests.builders import session
from tests.checks.problems import ALICE

BOB = str(Machine().sid.relative(1002))
BUNDLE = "Microsoft.Photos_2024.1.0.0_neutral_~_8wekyb3d8bbwe"
EDGE = "Microsoft.MicrosoftEdge_44.19041.1266.0_neutral__8wekyb3d8bbwe"
FRAMEWORK = "Microsoft.VCLibs.140.00_14.0.27323.0_x64__8wekyb3d8bbwe"
GAME = "Microsoft.Edge.GameAssist_1.0.3423.0_x64__8wekyb3d8bbwe"


def found(**store: dict[str, Any]) -> list[Finding]:
    """What the check finds in an AppxAllUserStore."""
    software = {"Microsoft": {"Windows\\CurrentVersion\\Appx\\AppxAllUserStore": store}}
    return store_apps(session(Machine(software=software)))


def levels(**store: dict[str, Any]) -> list[str]:
    """The levels of what is found."""
    return [one.level.value for one in found(**store)]


def test_a_provisioned_app_is_fine() -> None:
    assert levels(Applications={BUNDLE: {}}, **{ALICE: {BUNDLE: {}}}) == ["ok"]


def test_sysprep_s_own_sentence_and_the_command_that_helps() -> None:
    """The package of a real log of Server 2022."""
    [one] = found(**{ALICE: {GAME: {}}, BOB: {GAME: {}}})
    assert one.sysprep_says == (
        f"Package {GAME} was installed for a user, but not provisioned for all users. This package "
        "will not function properly in the sysprep image."
    )
    assert one.code == "0x80073cf2"
    assert "for Alice, Bob," in one.message
    assert one.hint
    assert f"`Remove-AppxPackage -AllUsers -Package {GAME}`" in one.hint
    assert "--force store-apps: it stays registered for that user" in one.hint


def test_the_options_that_help_offline_are_named() -> None:
    store: dict[str, Any] = {"Microsoft": {"Windows\\CurrentVersion\\Appx\\AppxAllUserStore": {
        str(Machine().sid.relative(1001)): {GAME: {}}}}}  # fmt: skip
    one = session(Machine(users=("Alice",), software=store))
    [finding] = store_apps(one)
    assert finding.hint
    assert "--remove-user Alice" in finding.hint
    step = Customization([STEPS["remove-user"].parse(("Alice",), "--remove-user", Path())])
    step.stage(one)
    assert store_apps(one)[0].level == "ok"


def test_an_app_that_was_updated_from_the_store_is_no_longer_the_provisioned_one() -> None:
    newer = BUNDLE.replace("2024", "2025")
    [one] = found(Applications={BUNDLE: {}}, **{ALICE: {newer: {}}})
    assert "not provisioned for all users in this version" in one.message
    assert levels(Applications={newer: {}}, **{ALICE: {BUNDLE: {}}}) == ["ok"]
    # Versions are numbers: 9 comes before 10.
    ten, nine = ("A.B_10.0.0.0_x64__p", "A.B_9.0.0.0_x64__p")
    assert levels(Applications={nine: {}}, **{ALICE: {ten: {}}}) == ["error"]
    assert levels(Applications={ten: {}, nine: {}}, **{ALICE: {ten: {}}}) == ["ok"]


def test_the_same_name_of_another_publisher_is_another_app() -> None:
    assert levels(
        Applications={"A.B_1.0.0.0_x64__one": {}}, **{ALICE: {"A.B_1.0.0.0_x64__two": {}}}
    ) == ["error"]


def test_what_belongs_to_windows_and_what_apps_need_is_passed_over() -> None:
    assert levels(
        Applications={BUNDLE: {FRAMEWORK: {}}},
        InboxApplications={EDGE: {}},
        **{
            ALICE: {
                BUNDLE: {FRAMEWORK: {}},
                EDGE: {},
                FRAMEWORK: {},
                "A.B_1.0.0.0_neutral_split.scale-125_8wekyb3d8bbwe": {},
            }
        },
    ) == ["ok"]


def test_only_people_count() -> None:
    assert levels(**{"S-1-5-18": {GAME: {}}, "Staged": {GAME: {}}, "EndOfLife": {}}) == ["ok"]
    [one] = found(**{"S-1-12-1-1-2-3-4": {GAME: {}}})
    assert "for S-1-12-1-1-2-3-4," in one.message


def test_windows_without_a_store() -> None:
    assert levels() == ["ok"]


@pytest.mark.parametrize(
    "name", ["", "x", "a_b_c_d_e", "a_1.x_c_d_e", "a_1.0_c_d", "a_1_b_c_d_e", "a_²_c_d_e"]
)
def test_what_is_no_full_name(name: str) -> None:
    assert Package.parse(name) is None
    assert levels(**{ALICE: {name or "?": {}}}) == ["ok"]
