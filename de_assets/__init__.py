"""The data-engineering lifecycle as one Dagster project: sources to CRM and back."""
