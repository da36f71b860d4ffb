"""Destinations of the write-back beside the CRM: files in a directory or bucket, and a webhook."""
