"""Incidents: what failed, from the first failing day to the run that found it mended."""
