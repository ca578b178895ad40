"""Which code can change the numbers of which unit kind, and the record of it.

``python -m tests.update_method_versions`` writes ``tests/method_versions.json`` after a method
version in ``smartms_img/method.py`` was raised. With ``--same-numbers`` it also accepts changed
code under an unchanged version: only for changes that leave every number as it is.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from smartms_img.method import METHOD_VERSION
from smartms_img.naming import UnitKind

ROOT = Path(__file__).parents[1]
RECORD = Path(__file__).with_name("method_versions.json")
COMMAND = "python -m tests.update_method_versions"

_ROOMS = (
    "pipelines",
    "smartms_img.interfaces",
    "smartms_img.io",
    "smartms_img.mri",
    "smartms_img.oct",
    "smartms_img.volume",
)
# Pictures hold no numbers.
_PICTURES = {"smartms_img.interfaces.snapshots", "smartms_img.interfaces.oct_figures"}


def modules_of(kind: UnitKind) -> dict[str, Path]:
    """Modules that a pipeline reaches by imports, by name in alphabetical order."""
    found: dict[str, Path] = {}
    waiting = [f"pipelines.{kind}"]
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting.extend(_imports(ast.parse(path.read_text(encoding="utf-8"))))
    return dict(sorted(found.items()))


@cache
def fingerprint(source: str) -> str:
    """What a source does, as text: comments, docstrings and layout do not count."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and _has_docstring(node):
            node.body = node.body[1:]
    return json.dumps(_plain(tree))


def current() -> dict[str, dict[str, str]]:
    """Version and digest of every unit kind as the code stands."""
    return {
        kind.value: {"version": METHOD_VERSION[kind], "sha256": _digest(kind)} for kind in UnitKind
    }


def recorded() -> dict[str, dict[str, str]]:
    """Version and digest of every unit kind as last recorded."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


def main(arguments: list[str]) -> str:
    """Write the record; return what is wrong, or nothing."""
    before = recorded() if RECORD.is_file() else {}
    now = current()
    silent = [
        kind
        for kind, entry in now.items()
        if kind in before
        and entry["version"] == before[kind]["version"]
        and entry["sha256"] != before[kind]["sha256"]
    ]
    if silent and arguments != ["--same-numbers"]:
        return (
            f"code of {', '.join(silent)} changed under an unchanged version: raise it in "
            f"smartms_img/method.py, or run '{COMMAND} --same-numbers' if no number can change"
        )
    RECORD.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
    return ""


def _file(name: str) -> Path | None:
    if name in _PICTURES or not any(
        name == room or name.startswith(f"{room}.") for room in _ROOMS
    ):
        return None
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    return path if path.is_file() else None


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _digest(kind: UnitKind) -> str:
    digest = hashlib.sha256()
    for name, path in modules_of(kind).items():
        digest.update(f"{name}\n{fingerprint(path.read_text(encoding='utf-8'))}\n".encode())
    return digest.hexdigest()


def _has_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> bool:
    first = node.body[0] if node.body else None
    return (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )


def _plain(node: object) -> object:
    """A node as lists; unlike ``ast.dump``, the same on every version of Python."""
    if isinstance(node, ast.AST):
        fields = [
            [name, _plain(value)]
            for name, value in ast.iter_fields(node)
            if value is not None and value != []
        ]
        return [type(node).__name__, *fields]
    return [_plain(item) for item in node] if isinstance(node, list) else repr(node)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or None)
