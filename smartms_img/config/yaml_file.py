"""Read a YAML file of keys and values, and refuse anything else in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import yaml

from smartms_img.errors import ConfigurationError


def read_keys(path: Path) -> dict[Any, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, is not YAML, has a key twice, is empty, or is no mapping.
    """
    file = printable(path.name or str(path))
    content = _parse(_read(path, file), file)
    if content is None:
        raise ConfigurationError("is empty", "Write the keys and their values", file=file)
    if not isinstance(content, dict):
        kind = "a list" if isinstance(content, list) else "a single value"
        raise ConfigurationError(
            f"holds {kind} instead of keys", "Write each setting as 'key: value'", file=file
        )
    return content


def printable(text: str, longest: int = 80) -> str:
    r"""Return a text on one line, control characters escaped, shortened where it is long.

    >>> printable("two\nlines")
    'two\\nlines'
    """
    shown = text if len(text) <= longest else f"{text[:longest]}..."
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in shown)


def _read(path: Path, file: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise ConfigurationError(problem, "Check the path", file=file) from error
    except UnicodeDecodeError as error:
        raise _no_text(file) from error


def _parse(text: str, file: str) -> Any:
    try:
        return _Loader(text).get_single_data()
    except _DuplicateKeyError as error:
        problem = f"key '{printable(error.key)}' is written twice, at {error.where}"
        raise ConfigurationError(problem, "Keep one of them", file=file) from error
    except yaml.reader.ReaderError as error:
        raise _no_text(file) from error
    except yaml.MarkedYAMLError as error:
        where = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        why = f" ({printable(error.problem)})" if error.problem else ""
        raise ConfigurationError(f"is not YAML{where}{why}", "Correct it", file=file) from error
    except RecursionError as error:
        raise ConfigurationError("is nested too deeply", "Correct it", file=file) from error


def _no_text(file: str) -> ConfigurationError:
    problem = "cannot be read (not a text file in UTF-8)"
    return ConfigurationError(problem, "Check the path", file=file)


class _DuplicateKeyError(Exception):
    """A mapping has a key twice."""

    def __init__(self, key: str, lines: tuple[int, int]) -> None:
        super().__init__(key)
        first, second = lines
        self.key = key
        self.where = f"lines {first} and {second}" if first != second else f"line {first}"


class _Loader(yaml.SafeLoader):
    """The safe loader, which would take the last of equal keys and fail on odd scalars."""

    # A set has no order, and the order of eyes, scans and visits enters the digest.
    yaml_constructors: ClassVar[dict[Any, Any]] = {
        tag: construct
        for tag, construct in yaml.SafeLoader.yaml_constructors.items()
        if tag != "tag:yaml.org,2002:set"
    }

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping, and refuse equal keys before '<<' brings others in."""
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                name, line = (key.tag, key.value), key.start_mark.line + 1
                if name in lines:
                    raise _DuplicateKeyError(key.value, (lines[name], line))
                lines[name] = line
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Construct a value; what its tag or form promises may not be there: ``2020-13-45``."""
        try:
            return super().construct_object(node, deep=deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            kind = node.tag.rpartition(":")[2]
            problem = f"'{printable(str(node.value), 40)}' is no valid {kind}"
            raise yaml.constructor.ConstructorError(
                None, None, problem, node.start_mark
            ) from error
