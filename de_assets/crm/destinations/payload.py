"""What a receiver beside the CRM gets of a change: values of the score, and nothing of the run.

Without the run's id a batch that is sent again by another run is the same to the byte, so that a
receiver can tell that it has it.
"""

from collections.abc import Mapping

from de_assets.crm.destination import Change
from de_assets.crm.mapping import MAPPING

KEY = "contact_id"
_OF_THE_RUN = next(each.name for each in MAPPING if each.column is None)


def values_of(change: Change) -> Mapping[str, str]:
    """The texts to hand over, by property name."""
    return {name: text for name, text in change.properties.items() if name != _OF_THE_RUN}


def run_of(change: Change) -> str:
    """The run that sends it; empty if it does not say."""
    return change.properties.get(_OF_THE_RUN, "")
