"""Code that can change a number changes together with its method version."""

import json

import pytest
import update_method_versions as tool

from smartms_img.method import METHOD_VERSION
from smartms_img.naming import UnitKind

EVERY_KIND = pytest.mark.parametrize("kind", UnitKind, ids=str)


@EVERY_KIND
def test_code_changes_with_its_version(kind):
    now, before = tool.current()[kind], tool.recorded()[kind]
    if now["sha256"] == before["sha256"] and now["version"] == before["version"]:
        return
    if now["version"] == before["version"]:
        pytest.fail(
            f"Code that can change the numbers of a {kind} unit changed, its method version did "
            f"not.\n1. Raise METHOD_VERSION[UnitKind.{kind.name}] (now "
            f"'{METHOD_VERSION[kind]}') in smartms_img/method.py, so that results of the old code "
            f"are measured again; say in CHANGES.md that numbers change.\n2. Run "
            f"'{tool.COMMAND}' and commit tests/method_versions.json.\nIf the change leaves every "
            f"number as it is: run '{tool.COMMAND} --same-numbers' instead."
        )
    pytest.fail(
        f"The method version of {kind} went from '{before['version']}' to '{now['version']}'. "
        f"Run '{tool.COMMAND}' and commit tests/method_versions.json."
    )


def test_imports_are_followed_to_the_science():
    session, pair = (set(tool.modules_of(kind)) for kind in (UnitKind.SESSION, UnitKind.PAIR))
    eye = set(tool.modules_of(UnitKind.EYE))
    both = {"smartms_img.mri.geometry", "smartms_img.interfaces.ants", "smartms_img.volume"}
    assert both | {"pipelines.session", "smartms_img.mri.skullstrip"} <= session
    change = {f"smartms_img.mri.{name}" for name in ("atrophy", "intensity", "longitudinal")}
    assert both | change | {"pipelines.pair"} <= pair
    assert "smartms_img.io.nifti" in session
    assert not change & session
    assert not any(name.startswith("smartms_img.mri") for name in eye)
    assert any(name.startswith("smartms_img.oct.") for name in eye)
    rooms = ("pipelines", "smartms_img")
    everything = session | pair | eye | set(tool.modules_of(UnitKind.SUBJECT))
    assert {name.split(".")[0] for name in everything} == set(rooms)
    assert not any(".execution" in name or ".figures" in name for name in everything)


SOURCE = '"""Doc."""\nLIMIT = 2.0\n\ndef f(x):\n    """Doc."""\n    return x < LIMIT  # why\n'


@pytest.mark.parametrize(
    "other",
    [
        SOURCE.replace("Doc.", "Other words."),
        SOURCE.replace("  # why", ""),
        SOURCE.replace('    """Doc."""\n', ""),
        SOURCE.replace("x < LIMIT", "(x <\n        LIMIT)"),
    ],
)
def test_words_and_layout_do_not_count(other):
    assert other != SOURCE
    assert tool.fingerprint(other) == tool.fingerprint(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"), [("2.0", "2.5"), ("<", "<="), ("2.0", "2"), ("x <", "1 <")]
)
def test_code_counts(old, new):
    assert tool.fingerprint(SOURCE.replace(old, new)) != tool.fingerprint(SOURCE)


@pytest.fixture
def record(tmp_path, monkeypatch):
    path = tmp_path / "method_versions.json"
    monkeypatch.setattr(tool, "RECORD", path)
    assert tool.main([]) == ""
    return path


def test_the_command_records_a_raised_version_only(record, monkeypatch):
    content = json.loads(record.read_text())
    content["pair"]["sha256"] = "0" * 64
    record.write_text(json.dumps(content))
    assert "code of pair changed under an unchanged version" in tool.main([])
    assert json.loads(record.read_text()) == content
    monkeypatch.setitem(tool.METHOD_VERSION, UnitKind.PAIR, "next")
    assert tool.main([]) == ""
    assert json.loads(record.read_text())["pair"]["version"] == "next"


def test_the_command_takes_the_word_that_numbers_stay(record):
    content = json.loads(record.read_text())
    content["pair"]["sha256"] = "0" * 64
    record.write_text(json.dumps(content))
    assert tool.main(["--same-numbers"]) == ""
    assert json.loads(record.read_text()) == tool.current()
