"""Stand-ins for the systems around the pipeline, so that the whole loop runs on one machine."""
