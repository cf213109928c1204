"""Capture the Windows volume of an image into a WIM, or apply an image of a WIM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reseal.errors import UsageError
from reseal.hostfile import open_regular
from reseal.operations.operation import OnMessage, Writing

#: A configuration list is a short text.
_MAX_CONFIG = 1 << 20
#: What `--force` calls the refusal of deduplicated files.
FORCE_DEDUP = "dedup"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequest:
    """What to capture, and how.

    Attributes:
        name: of the image; None for that of the product.
        description: of the image.
        compress: `lzx`, `xpress`, `lzms` or `none`; None for the default.
        append: whether the image is added to an existing WIM.
        solid: whether all data is compressed as one, as in an ESD.
        config: a list of what to leave out, in DISM's form.
        check: whether the WIM gets an integrity table.
        require_generalized: whether an image is refused that is not generalized.
        force: `dedup` captures deduplicated files without their content.

    Raises:
        UsageError: options contradict each other.
    """

    name: str | None = None
    description: str | None = None
    compress: str | None = None
    append: bool = False
    solid: bool = False
    config: Path | None = None
    check: bool = False
    require_generalized: bool = False
    force: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        from reseal.wim import COMPRESSIONS

        if self.compress is not None and self.compress not in COMPRESSIONS:
            msg = f"--compress {self.compress} is not known."
            raise UsageError(msg, f"Choose one of {', '.join(COMPRESSIONS)}.")
        if unknown := set(self.force) - {FORCE_DEDUP}:
            msg = f"--force {min(unknown)} is not known."
            raise UsageError(msg, f"Use --force {FORCE_DEDUP}.")
        if self.append and (self.compress or self.solid):
            msg = "An image that is appended is compressed as the WIM is."
            raise UsageError(msg, "Leave --compress and --solid out.")


def capture(
    image: Path,
    wim: Path,
    request: CaptureRequest | None = None,
    opening: Writing | None = None,
    on_message: OnMessage | None = None,
) -> dict[str, Any]:
    """Capture the Windows volume of a disk image; see `reseal.run.capture.capture`."""
    from reseal.run.capture import CaptureOptions
    from reseal.run.capture import capture as engine

    asked, chosen = request or CaptureRequest(), opening or Writing()
    options = CaptureOptions(
        volume=chosen.volume,
        name=asked.name,
        description=asked.description,
        compression=asked.compress or ("lzms" if asked.solid else "lzx"),
        append=asked.append,
        solid=asked.solid,
        config=_load(asked.config) if asked.config else None,
        check=asked.check,
        require_generalized=asked.require_generalized,
        deduplicated=FORCE_DEDUP in asked.force,
        allow_backing=chosen.allow_backing,
        discard_hibernation=chosen.discard_hibernation,
        keys=chosen.keys,
    )
    return engine(image, wim, options, on_message)


def apply(
    wim: Path,
    target: Path,
    *,
    writing: Writing,
    volume: int | None = None,
    check: bool = False,
    on_message: OnMessage | None = None,
) -> dict[str, Any]:
    """Apply an image of a WIM to a volume or a folder; see `reseal.run.apply.apply`."""
    from reseal.disk.iso import install_image
    from reseal.run.apply import apply as engine

    with install_image(wim) as image:
        done = engine(
            image,
            writing.index,
            target,
            volume=volume,
            check=check,
            options=writing.options(),
            on_message=on_message or (lambda _: None),
        )
    return {**done, "wim": str(wim)}


def _load(path: Path) -> str:
    from reseal.wim.config import check_config

    try:
        with open_regular(path) as file:
            data = file.read(_MAX_CONFIG + 1)
        if len(data) > _MAX_CONFIG:
            raise UsageError(f"{path} is too large for a configuration list.")
        encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
        text = data.decode(encoding)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        msg = f"{path} is neither UTF-8 nor UTF-16."
        raise UsageError(msg, "Save it as UTF-8.") from error
    check_config(text, str(path))
    return text
