"""`reseal inspect`: what an image holds."""

from __future__ import annotations

from reseal.cli import console
from reseal.cli.options import AllowBacking, AsJson, ImagePath, Index, Volume


def inspect(
    image: ImagePath,
    volume: Volume = None,
    index: Index = None,
    as_json: AsJson = False,
    allow_backing: AllowBacking = False,
) -> None:
    """Show which Windows an image holds, whose it is, and what its next boot will do."""
    from reseal.report import inspection, text  # noqa: PLC0415  --help needs no engines
    from reseal.session.run import read  # noqa: PLC0415

    with console.errors(as_json=as_json):
        record = read(
            image,
            lambda found: inspection.inspection(found, volume, str(image)),
            allow_backing=allow_backing,
            index=index,
        )
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(text.inspection(record))
