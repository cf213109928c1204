import pytest

from reseal.ntfs.security import inherit
from reseal.session.staging import StagedTree
from reseal.testing.memory import Link, MemoryTree
from reseal.tree import TreeError
from reseal.windows.sddl import descriptor


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


def test_a_folder_moves_with_all_that_is_staged_in_it() -> None:
    tree = _tree()
    staged = StagedTree(tree)
    staged.write(r"A\Deep\new", b"new")
    staged.delete(r"A\one.txt")
    staged.rename("A", "B")
    staged.write(r"B\Deep\x", b"changed")
    staged.rename(r"B\two.txt", r"B\Deep\two.txt")
    assert staged.stat("A") is None
    assert staged.list("A") == []
    assert _names(staged, "B") == ["Deep"]
    assert _names(staged, r"B\Deep") == ["new", "two.txt", "x"]
    assert staged.read(r"B\Deep\two.txt") == b"2"
    assert staged.read(r"B\Deep\x") == b"changed"
    staged.apply(tree)
    assert {path: data for path, data in tree.snapshot().items() if path.startswith("B")} == {
        "B": None, r"B\Deep": None, r"B\Deep\x": b"changed", r"B\Deep\new": b"new",
        r"B\Deep\two.txt": b"2",
    }  # fmt: skip
    assert tree.stat("A") is None


def test_two_files_change_places() -> None:
    tree = _tree()
    staged = StagedTree(tree)
    for path, new in ((r"A\one.txt", "t"), (r"A\two.txt", r"A\one.txt"), ("t", r"A\two.txt")):
        staged.rename(path, new)
    assert (staged.read(r"A\one.txt"), staged.read(r"A\two.txt")) == (b"2", b"1")
    assert staged.stat("t") is None
    staged.apply(tree)
    assert (tree.read(r"A\one.txt"), tree.read(r"A\two.txt")) == (b"2", b"1")


def test_what_was_moved_away_can_be_made_anew() -> None:
    tree = _tree()
    staged = StagedTree(tree)
    staged.rename("A", "B")
    staged.write(r"A\one.txt", b"fresh")
    assert _names(staged, "A") == ["one.txt"]
    assert staged.read(r"B\one.txt") == b"1"
    staged.delete("B")
    assert staged.list("B") == []
    staged.apply(tree)
    assert tree.read(r"A\one.txt") == b"fresh"
    assert tree.stat("B") is None


def test_new_entries_inherit_and_staged_descriptors_count() -> None:
    tree = _tree()
    folder = descriptor("O:BAG:SYD:AI(A;OICI;FA;;;BU)")
    own = descriptor("O:SYG:SYD:(A;;FA;;;WD)")
    staged = StagedTree(tree)
    staged.make_directory(r"New\Inner")
    staged.set_descriptor("New", folder)
    staged.write(r"New\file", b"")
    staged.write(r"New\other", b"")
    staged.set_descriptor(r"New\other", own)
    assert staged.descriptor(r"New\file") == inherit(folder, directory=False)
    assert staged.descriptor(r"New\Inner") == inherit(folder, directory=True)
    staged.rename("New", "Moved")
    assert staged.descriptor(r"Moved\other") == own
    staged.apply(tree)
    assert tree.descriptor("Moved") == folder
    assert tree.descriptor(r"Moved\other") == own
