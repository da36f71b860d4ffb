"""Checks over time: is a day like the days before it? What a row must be is in `contracts/`."""
