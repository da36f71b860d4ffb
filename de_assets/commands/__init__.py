"""The commands of `de-assets`, one module for each group of them; `cli.py` lists them."""
