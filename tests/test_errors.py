from reseal import errors


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
