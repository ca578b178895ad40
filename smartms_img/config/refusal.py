"""Say in one line, and with what was probably meant, why a configuration is refused."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from smartms_img.config.yaml_file import printable
from smartms_img.errors import ConfigurationError

_CORRECT = "Correct it"
_KINDS = {
    "dict_type": "be keys with values",
    "model_type": "be keys with values",
    "tuple_type": "be a list",
}
# A key that is no text (1, null) is as unknown as any other.
_UNKNOWN = {"extra_forbidden", "invalid_key"}


def refusal(model: type[BaseModel], error: ValidationError, file: str) -> ConfigurationError:
    """Return the error that a user sees for the gravest fault of a configuration.

    Parameters
    ----------
    model : type of BaseModel
        What the file should describe.
    error : ValidationError
        All faults; an unknown key comes first, for it often is the cause of a missing one.
    file : str
        Name of the file.
    """
    faults = error.errors(include_url=False)
    fault = next((one for one in faults if one["type"] in _UNKNOWN), faults[0])
    problem, remedy = _explain(model, fault)
    return ConfigurationError(problem, remedy, file=file)


def _explain(model: type[BaseModel], fault: ErrorDetails) -> tuple[str, str]:
    location, kind = fault["loc"], fault["type"]
    key = printable(".".join(str(part) for part in location))
    if kind in _UNKNOWN:
        return f"unknown key '{key}'", _meant(_nearest_key(model, location)) or "Remove it"
    if kind == "missing":
        return f"'{key}' is missing", "Add it"
    if kind == "value_error":
        text = printable(str(fault["ctx"]["error"]), 300)
        return (f"'{key}' {text}" if key else text), _CORRECT
    problem = f"'{key}'{_shown(fault['input'])} should {_wanted(fault)}"
    if kind in {"enum", "literal_error"}:
        choices = re.findall(r"'([^']*)'", fault["ctx"]["expected"])
        return problem, _meant(_nearest(str(fault["input"]), choices)) or _CORRECT
    return problem, _CORRECT


def _shown(value: Any) -> str:
    """Return what stands in the file, if it fits into a line."""
    if value is None:
        return " is empty and"
    if isinstance(value, str):
        return f" is '{printable(value)}' and"
    # A number of thousands of digits would fill the line, and Python refuses to print it.
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 64):
        return f" is {value} and"
    return ""


def _wanted(fault: ErrorDetails) -> str:
    """Return what is expected, to follow 'should'."""
    if fault["type"] in {"enum", "literal_error"}:
        return f"be {fault['ctx']['expected']}"
    if fault["type"] in _KINDS:
        return _KINDS[fault["type"]]
    # What follows a comma repeats what stands there.
    text = fault["msg"].partition(" should ")[2].partition(", ")[0]
    return printable(text.removesuffix(" after validation"), 300)


def _meant(name: str) -> str:
    return f"Did you mean '{name}'? {_CORRECT}" if name else ""


def _nearest(written: str, known: Iterable[str]) -> str:
    """Return the known word that is most like the written one, or nothing; case is ignored."""
    words = {word.lower(): word for word in known}
    close = difflib.get_close_matches(written.lower(), words, n=1)
    return words[close[0]] if close else ""


def _nearest_key(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Return the key beside the unknown one that is most like it, else one from elsewhere.

    A key from elsewhere is written in full: ``mri.lesions.flair_z``.
    """
    way, last = [part for part in location[:-1] if isinstance(part, str)], str(location[-1])
    elsewhere: dict[str, str] = {}
    for path in _paths(model):
        elsewhere.setdefault(path[-1], ".".join(path))
    if last in elsewhere:
        return elsewhere[last]
    beside = {path[-1] for path in _paths(model) if path[:-1] == tuple(way)}
    return _nearest(last, sorted(beside)) or elsewhere.get(_nearest(last, elsewhere), "")


def _paths(model: type[BaseModel], way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the ways to all keys of a model; positions in lists are left out."""
    for name, field in model.model_fields.items():
        yield (*way, name)
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _paths(part, (*way, name))
