import errno

import pytest

from reseal import errors
from reseal.disk import DiskError


def test_every_exit_code_has_its_class() -> None:
    classes = [
        errors.ResealError,
        errors.UsageError,
        errors.CheckError,
        errors.ImageError,
        errors.EngineError,
    ]
    assert [cls.exit_code for cls in classes] == [1, 2, 3, 4, 5]
    assert all(issubclass(cls, errors.ResealError) for cls in classes)


def test_an_error_carries_its_hint() -> None:
    error = errors.ImageError("disk.qcow2 is truncated.", hint="Copy it again.")
    assert (error.message, error.hint) == ("disk.qcow2 is truncated.", "Copy it again.")


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), "No such file or directory"),
        (OSError("a reason without a number"), "a reason without a number"),
    ],
)
def test_an_error_of_the_system_becomes_one_of_ours(failure: OSError, said: str) -> None:
    with (
        pytest.raises(errors.EngineError, match=f"^a.xml can't be read: {said}.$") as raised,
        errors.os_errors("a.xml can't be read", errors.EngineError, "Name another file."),
    ):
        raise failure
    assert raised.value.hint == "Name another file."
    assert raised.value.__cause__ is failure


def test_an_error_of_ours_stays_as_it_is() -> None:
    ours = DiskError("The disk is full.")
    with pytest.raises(DiskError) as raised, errors.os_errors("a.xml can't be written"):
        raise ours
    assert raised.value is ours
