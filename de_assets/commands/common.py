"""What every command needs: its settings, and errors that a person can read."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
from dotenv import dotenv_values

from de_assets.errors import DeAssetsError
from de_assets.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

DAY = click.DateTime(formats=["%Y-%m-%d"])


def settings_of_the_environment(**given: str | None) -> Settings:
    """Settings from options that were given, else the environment, else the file `.env`."""
    environ = {k: v for k, v in dotenv_values(".env").items() if v is not None}
    environ |= dict(os.environ)  # noqa: TID251  commands are the other end of the settings
    environ |= {name: value for name, value in given.items() if value is not None}
    return Settings.from_env(environ)


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our own errors into their text and exit status 2; no stack trace helps a user there."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except DeAssetsError as error:
            click.secho(f"Error: {error}", fg="red", err=True)
            sys.exit(2)

    return wrapped
