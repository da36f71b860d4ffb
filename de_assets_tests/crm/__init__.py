"""Tests of the CRM client, the sync rules and the mock server."""
