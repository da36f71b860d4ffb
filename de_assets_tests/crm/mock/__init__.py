"""Tests of the mock CRM server over real HTTP."""
