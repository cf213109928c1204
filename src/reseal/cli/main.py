"""The `reseal` command."""

import typer

app = typer.Typer(no_args_is_help=True, add_completion=True)


@app.callback()
def _root() -> None:
    """Sysprep for powered-off Windows images."""


def main() -> None:
    """Run the command line."""
    app()
