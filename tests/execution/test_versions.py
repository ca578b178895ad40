"""Versions in the ledger are those of the packages."""

from importlib.metadata import version

import smartms_img
from smartms_img.execution.versions import _code_digest, versions


def test_versions_are_those_that_the_installed_packages_state():
    found = versions()
    packages = set(found) - {"python", "smartms-code"}
    assert {"antspyx", "numpy", "scipy", "smartms"} <= packages
    assert all(found[name] == version(name) for name in packages)


def test_the_digest_follows_modules_and_nothing_else(tmp_path, monkeypatch):
    module = tmp_path / "smartms_img/mri/net.py"
    module.parent.mkdir(parents=True)
    module.write_text("one = 1\n")
    monkeypatch.setattr(smartms_img, "__file__", str(tmp_path / "smartms_img/__init__.py"))

    def digest():
        _code_digest.cache_clear()
        return versions()["smartms-code"]

    first = digest()
    (module.parent / "net.onnx").write_bytes(b"weights")
    assert digest() == first
    module.write_text("one = 2\n")
    changed = digest()
    assert changed != first
    module.rename(module.with_name("other.py"))
    assert digest() not in (first, changed)
    _code_digest.cache_clear()
