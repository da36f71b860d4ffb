"""Pure functions from LazyFrame to LazyFrame. Nothing here knows Dagster, files or the network."""
