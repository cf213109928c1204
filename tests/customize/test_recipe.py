"""Recipes: what stands in them, and where what is wrong stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from reseal.customize import STEPS, load
from reseal.customize.recipe import example
from reseal.errors import UsageError


def recipe(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "golden.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_steps_keep_their_order_and_paths_start_from_the_recipe(tmp_path: Path) -> None:
    found = load(recipe(tmp_path, r"""
# what every image gets
[[step]]
mkdir = 'C:\Tools'
[[step]]
copy-in = { host = "agent/agent.msi", guest = 'C:\Tools' }
[[step]]
write.guest = '/note.txt'
write.text = '''
[[step]]
is only text here
'''
[[step]]
mkdir = "/Again"
"""))  # fmt: skip
    assert [one.step.id for one in found] == ["mkdir", "copy-in", "write", "mkdir"]
    assert found[1].host("host") == tmp_path / "agent" / "agent.msi"
    assert "[[step]]" in found[2].text("text")
    assert [one.where.rpartition(".toml:")[2] for one in found] == [
        "4: mkdir", "6: copy-in", "8: write", "14: mkdir",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no steps"),
        ("\n[[step]\n", r"golden.toml:2: "),
        ("[[steps]]\nmkdir = '/x'\n", r"unknown table or key 'steps'"),
        ("[step]\nmkdir = '/x'\n", "no steps"),
        ("[[step]]\n\n[[step]]\nmkdir = '/x'", r"golden.toml:1: a step needs exactly one key"),
        ("[[step]]\nmkdir = '/x'\ndelete = '/y'", r"golden.toml:1: a step needs exactly one key"),
        ("[[step]]\n# note\nformat = '/x'", r"golden.toml:3: unknown step 'format'"),
        (
            "[[step]]\nmkdir = '/x'\n\n[[step]]\nmkdir = 'x'",
            r"golden.toml:5: mkdir: 'x' is not an absolute",
        ),
        ("[[step]]\nmkdir = true", r"golden.toml:2: guest of mkdir is not a text"),
        ("[[step]]\nmove = '/x'", r"golden.toml:2: move takes guest, new"),
        ("[[step]]\nmove = { guest = '/x' }", r"golden.toml:2: move needs 'new'"),
        ("[[step]]\nmkdir = { path = '/x' }", r"golden.toml:2: mkdir has no argument 'path'"),
        ("[[step]]\nwrite = { guest = '/x', text = [1] }", "text of write is not a text"),
        (
            "[[step]]\nreg-set = { path = 'HKLM\\SOFTWARE', value = 'x', type = 'BAD', data = '' }",
            r"golden.toml:2: reg-set: 'BAD' is not one of",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        load(recipe(tmp_path, text))
    assert raised.value.hint


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load(tmp_path / "missing.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\0")
    with pytest.raises(UsageError, match="UTF-8"):
        load(binary)


@pytest.mark.parametrize("name", list(STEPS))
def test_the_example_of_each_step_means_the_same_in_a_recipe(tmp_path: Path, name: str) -> None:
    one = STEPS[name]
    expected = one.parse(one.example, name, tmp_path).values if one.arguments else {}
    (found,) = load(recipe(tmp_path, f"[[step]]\n{example(one)}\n"))
    assert (found.step, found.values) == (one, expected)
