from pathlib import Path

import pytest

from reseal import errors
from reseal.errors import ImageError, os_errors


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


def test_an_error_of_the_operating_system_gets_words_and_a_class() -> None:
    with (
        pytest.raises(
            ImageError, match=r"^x can't be read: No such file or directory\.$"
        ) as failed,
        os_errors("x can't be read", ImageError, "Try again."),
    ):
        Path("/nonexistent/file").read_bytes()
    assert failed.value.hint == "Try again."
    assert isinstance(failed.value.__cause__, FileNotFoundError)


def test_an_error_of_reseal_that_is_one_of_the_operating_system_stays_as_it_is() -> None:
    class BothError(ImageError, OSError):
        pass

    with pytest.raises(BothError, match="as it was"), os_errors("x can't be read"):
        raise BothError("as it was")
