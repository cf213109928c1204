import pytest

from reseal.session.staging import StagedTree
from reseal.testing.memory import Link, MemoryTree
from reseal.tree import TreeError


def _tree() -> MemoryTree:
    return MemoryTree({"A": {"one.txt": b"1", "two.txt": b"2", "Deep": {"x": b"x"}}, "Out": Link()})


def _names(staged: StagedTree, path: str) -> list[str]:
    return sorted(stat.name for stat in staged.list(path))


def test_reads_see_the_tree_as_it_will_be_and_nothing_is_written() -> None:
    tree = _tree()
    staged = StagedTree(tree)
    staged.delete(r"A\one.txt")
    staged.write(r"A\new.txt", b"new")
    staged.rename(r"A\two.txt", r"A\renamed.txt")
    assert _names(staged, "a") == ["Deep", "new.txt", "renamed.txt"]
    assert staged.read(r"A\renamed.txt") == b"2"
    assert staged.stat(r"a\ONE.txt") is None
    assert tree.log == []


def test_a_deleted_folder_takes_all_below_it() -> None:
    tree = _tree()
    staged = StagedTree(tree)
    staged.delete("A")
    assert staged.stat(r"A\Deep\x") is None
    assert staged.list("A") == []
    with pytest.raises(TreeError):
        staged.read(r"A\one.txt")
    counts = staged.apply(tree)
    assert counts.files_deleted == 3
    assert tree.stat("A") is None


def test_a_file_deleted_and_written_again_is_overwritten_not_replaced() -> None:
    tree = _tree()
    staged = StagedTree(tree)
    staged.delete("A")
    staged.write(r"A\one.txt", b"again")
    counts = staged.apply(tree)
    assert (counts.files_created, counts.files_overwritten, counts.files_deleted) == (0, 1, 2)
    assert ("write", r"A\one.txt") in tree.log
    assert tree.read(r"A\one.txt") == b"again"
    assert tree.stat(r"A\two.txt") is None


def test_missing_folders_are_made() -> None:
    tree = _tree()
    staged = StagedTree(tree)
    staged.write(r"New\Folder\file", b"x")
    assert staged.apply(tree).files_created == 1
    assert tree.read(r"New\Folder\file") == b"x"


def test_what_lies_behind_a_link_is_not_there_and_is_remembered() -> None:
    staged = StagedTree(_tree())
    assert staged.stat(r"Out\secret") is None
    assert staged.list("Out") == []
    assert staged.outside == {r"Out\secret"}


def test_deleting_a_link_deletes_the_link_alone() -> None:
    tree = _tree()
    staged = StagedTree(tree)
    staged.delete("Out")
    staged.apply(tree)
    assert tree.log == [("delete", "Out")]
