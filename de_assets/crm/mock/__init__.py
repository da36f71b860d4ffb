"""The mock CRM server: the part of HubSpot's contacts API that this project uses.

Used by the demo, by `de-assets crm` and by tests. What is mirrored, on what evidence, and what is
not, stands in docs/crm-fidelity.md. The client that talks to it is not here.
"""

from de_assets.crm.mock.app import create_app
from de_assets.crm.mock.server import RunningCrm, running_app, running_crm, serve

__all__ = ["RunningCrm", "create_app", "running_app", "running_crm", "serve"]
