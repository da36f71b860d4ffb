"""The command `de-assets`: what can be done outside the Dagster UI.

Each command parses, calls one function of the package, and prints (`commands/`). Exit status: 0
done, 1 a check or a step failed, 2 wrong usage or settings.
"""

import click

from de_assets.commands.audit import audit
from de_assets.commands.crm import crm
from de_assets.commands.dictionary import dictionary
from de_assets.commands.erase import erase
from de_assets.commands.incidents import incidents
from de_assets.commands.keys import rotate_keys
from de_assets.commands.lineage import lineage
from de_assets.commands.look import doctor, graph
from de_assets.commands.quarantine import quarantine
from de_assets.commands.retention import sweep
from de_assets.commands.run import demo, run
from de_assets.commands.sandbox import sandbox


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="de_assets")
def main() -> None:
    """Run the data-engineering lifecycle: sources to CRM and back."""


COMMANDS = (
    run,
    demo,
    doctor,
    graph,
    lineage,
    dictionary,
    quarantine,
    crm,
    sandbox,
    incidents,
    rotate_keys,
    audit,
    erase,
    sweep,
)
for command in COMMANDS:
    main.add_command(command)
