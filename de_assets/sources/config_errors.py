"""YAML with its pitfalls closed, and what is wrong with a sources file in words.

A key given twice is an error here (YAML would silently keep the last). Values are not repeated in
messages unless they are names or formats: a URL may hold a secret. Used by `config.py` only.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from de_assets.errors import SourcesError


class UnknownColumnError(ValueError):
    """A name in `columns` that is not ours."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.known = known
        super().__init__(f"unknown column {name}")


class _Loader(yaml.SafeLoader):
    """The safe loader; a key that stands twice is an error, and a date stays text."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[object, object]:
    seen = set()
    for key_node, _ in node.value:
        key = (key_node.tag, str(key_node.value))
        if key in seen:
            raise yaml.MarkedYAMLError(
                problem=f"the key {key_node.value!r} stands here twice",
                problem_mark=key_node.start_mark,
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def parse_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        SourcesError: there is no such file, it is not YAML (with the line), or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise SourcesError(
            "the sources file does not exist",
            where=str(path),
            fix="set DE_ASSETS_SOURCES (or --sources) to one of data/sources/*.yaml",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SourcesError(
            f"the sources file cannot be read ({type(error).__name__})",
            where=str(path),
            fix="name a file that is readable, and saved as UTF-8",
        ) from None
    try:
        raw = yaml.load(text, Loader=_Loader)  # noqa: S506  derived from the safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "a character that YAML forbids"
        raise SourcesError(
            f"the sources file is not valid YAML: {problem}",
            where=f"{path}{line}",
            fix="correct that line; keys are `name: value`, indented by blanks, never tabs",
        ) from None
    if not isinstance(raw, dict):
        raise SourcesError(
            "the sources file holds no keys",
            where=str(path),
            fix="begin with `calendar:` and `currency:`; data/sources/ holds examples",
        )
    return raw


def sentences(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Every problem as one line: key path, what is wrong, what is allowed, the nearest key."""
    return [_sentence(details, model) for details in error.errors()]


def _sentence(details: ErrorDetails, model: type[BaseModel]) -> str:
    location = [str(part) for part in details["loc"] if part != "[key]"]
    path = ".".join(location) or "the file"
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, UnknownColumnError):
        return f"{path}: unknown column{_nearest(cause.name, cause.known)}"
    if details["type"] == "extra_forbidden":
        known = list(_model_at(model, location[:-1]).model_fields)
        return f"{path}: unknown key{_nearest(location[-1], known)}"
    text = _PLAINER.get(details["type"]) or details["msg"].removeprefix("Value error, ")
    return f"{path}: {text}"


_PLAINER = {
    "missing": "is required; add it",
    "string_type": "must be text; put it in quotes",
    "string_too_short": "must not be empty",
    "tuple_type": "must be text or a list of texts; put numbers in quotes",
    "date_from_datetime_parsing": "is no day of the calendar; write YYYY-MM-DD",
    "too_short": "must name one column at least",
    "string_pattern_mismatch": "must be three lower-case letters, like gbp, eur or usd",
}


def _nearest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{hint} (allowed: {', '.join(known)})"


def _model_at(model: type[BaseModel], location: Sequence[str]) -> type[BaseModel]:
    for name in location:
        if name.isdecimal():  # the place in a list, whose model is at hand already
            continue
        annotation = model.model_fields[name].annotation
        candidates = [annotation, *get_args(annotation)]
        model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return model
