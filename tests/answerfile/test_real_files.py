"""The 55 real answer files: read, checked, shown, rewritten, and read again: the same meaning."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

from reseal.answerfile import (
    AnswerFile,
    Level,
    Pass,
    Target,
    check,
    formatted,
    hide_passwords,
    merge,
    scrub,
    show,
)
from reseal.answerfile.secrets import HIDDEN, secrets
from tests.answerfile.judges import canonical, texts

TABLE = tomllib.loads((Path(__file__).parent / "corpus_findings.toml").read_text("utf-8"))


def test_every_finding_is_one_that_was_looked_at(real_files: list[Path]) -> None:
    found = {
        path.name: dict(Counter(finding.rule for finding in check(AnswerFile.load(path))))
        for path in real_files
    }

    assert found == TABLE["files"]
    assert {rule for rules in found.values() for rule in rules} == set(TABLE["reasons"])


def test_there_is_no_error_in_a_file_that_works(real_files: list[Path]) -> None:
    for path in real_files:
        assert [f for f in check(AnswerFile.load(path)) if f.level is Level.ERROR] == []


def test_reading_and_writing_is_identity(real_files: list[Path]) -> None:
    for path in real_files:
        assert AnswerFile.load(path).to_bytes() == path.read_bytes()


def test_layout_changes_white_space_between_tags_only(real_files: list[Path]) -> None:
    for path in real_files:
        laid_out = formatted(AnswerFile.load(path))

        assert canonical(laid_out.to_bytes(), layout=False) == canonical(
            path.read_bytes(), layout=False
        )
        assert texts(laid_out.to_bytes()) == texts(path.read_bytes())
        assert formatted(laid_out).to_bytes() == laid_out.to_bytes()
        assert Counter(f.rule for f in check(laid_out)) == TABLE["files"][path.name]


def test_merging_a_file_with_itself_changes_nothing(real_files: list[Path]) -> None:
    for path in real_files:
        document = AnswerFile.load(path)

        assert merge(document, document).to_bytes() == formatted(document).to_bytes()


def test_hiding_changes_passwords_only(real_files: list[Path]) -> None:
    for path in real_files:
        document = AnswerFile.load(path)
        hidden, left = hide_passwords(document)

        changed = [
            where
            for (where, before), (_, after) in zip(
                texts(document.to_bytes()), texts(hidden.to_bytes()), strict=True
            )
            if before != after
        ]
        secret = [s for s in secrets(document) if s.name == "Value"]
        plain = [s for s in secret if s.parent.child("PlainText") and s not in left]
        flags = [s for s in plain if s.parent.text_of("PlainText") == "true"] if plain else []
        assert len(changed) == 2 * len(flags)
        assert hide_passwords(hidden)[0].to_bytes() == hidden.to_bytes()
        # Windows knows no hidden form for commands, which can hold passwords too.
        rules = {f.rule for f in check(hidden) if "command" not in f.what}
        assert not rules & {"hidden-password", "hidden-password-flag", "logon-password"}
        assert "plain-text-secret" not in rules


def test_scrubbing_leaves_no_secret(real_files: list[Path]) -> None:
    for path in real_files:
        document = AnswerFile.load(path)
        values = {setting.text for setting in secrets(document)}
        clean = scrub(document)

        assert not list(secrets(clean.document))
        assert clean.count >= len(list(secrets(document)))
        text = clean.document.to_bytes().decode("utf-8-sig")
        assert not [v for v in values if f">{v}<" in text and v != "vagrant"]
        assert scrub(clean.document).document.to_bytes() == clean.document.to_bytes()


def test_no_secret_is_shown_or_reported(real_files: list[Path]) -> None:
    """Every secret is replaced by a marker, which must not come out anywhere."""
    marker = "S3CR3T-M4RK3R"
    for path in real_files:
        document = AnswerFile.load(path)
        marked = document.edited(
            document.markup.set_text(setting.element, marker) for setting in secrets(document)
        )

        said = [str(finding) + str(finding.as_dict()) for finding in check(marked)]
        said += [step.text for shown in show(marked) for step in shown.steps]
        said += [repr(setting) for setting in marked.settings()]
        assert not [sentence for sentence in said if marker in sentence]


def test_what_happens_is_said_in_the_order_of_the_passes(real_files: list[Path]) -> None:
    order = list(Pass)
    for path in real_files:
        document = AnswerFile.load(path)
        shown = show(document)

        names = [Pass(s.name) for s in shown]
        assert names == sorted(names, key=order.index)
        assert sum(len(s.steps) for s in shown) > 3
        said = " ".join(step.text for s in shown for step in s.steps)
        assert (HIDDEN in said) == any(s.name in {"Value", "Password"} for s in secrets(document))


#: The build of the Windows that a real file is for, by a part of its name.
BUILDS = {
    "winvista": 6002,
    "2008_r2": 7601,
    "win7": 7601,
    "win2008r2": 7601,
    "2012-": 9200,
    "81-": 9600,
    "win81": 9600,
    "2012_r2": 9600,
    "2016": 14393,
    "2019": 17763,
    "2022": 20348,
    "2025": 26100,
    "win10": 19045,
    "win11": 22631,
    "1709": 16299,
    "1803": 17134,
    "1909": 18363,
}


def test_no_setting_is_too_new_for_the_windows_that_a_file_is_for(real_files: list[Path]) -> None:
    checked = 0
    for path in real_files:
        build = next((build for part, build in BUILDS.items() if part in path.name), 0)
        if build:
            checked += 1
            found = check(AnswerFile.load(path), Target(build=build))
            assert [f for f in found if f.rule == "setting-too-new"] == [], path.name
            assert [f for f in found if f.level is Level.ERROR] == [], path.name
    assert checked > 40
