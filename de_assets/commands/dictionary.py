"""Write the data dictionary: `de-assets dictionary`."""

from pathlib import Path

import click

from de_assets.contracts.dictionary import data_dictionary


@click.command()
@click.argument("output", required=False, type=click.Path(dir_okay=False, path_type=Path))
def dictionary(output: Path | None) -> None:
    """Describe every table and column in Markdown, in a file or here."""
    text = data_dictionary()
    if output is None:
        click.echo(text, nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text)
    click.echo(f"{output} written")
