"""The CRM: the client that reads and writes it, the sync rules, and the mock server."""
