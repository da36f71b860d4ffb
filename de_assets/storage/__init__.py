"""Where tables, models and journals are kept: a directory or S3, behind the same few names."""
