"""A lock: every changed byte below an output is found, and every line of its history."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from smartms_img.errors import InputError
from smartms_img.io.lock import (
    is_locked,
    kept_locks,
    lock_output,
    read_kept,
    refuse_locked,
    unlock_output,
    verify_output,
)
from smartms_img.io.lock_manifest import Difference

COUNTED = [
    ".bidsignore",
    "apostel.json",
    "dataset_description.json",
    "index.html",
    "ledger/sub-01_ses-M00_mri/attempt-0001.json",
    "ledger/sub-01_ses-M00_mri/failure.md",
    "participants.tsv",
    "plan.tsv",
    "ratings.jsonl",
    "ratings/ratings.jsonl",
    "run.json",
    "smartms_config.yaml",
    "sub-01.html",
    "sub-01/figures/sub-01_ses-M00_mask.png",
    "sub-01/ses-M00/anat/sub-01_ses-M00_desc-measures.json",
    "sub-01/ses-M00/anat/sub-01_ses-M00_desc-preproc_T1w.nii.gz",
    "sub-01/ses-M00/anat/work/logs",
    "sub-01/sub-01_sessions.tsv",
    "tables/endpoints.json",
    "tables/endpoints.parquet",
    "tables/endpoints.tsv",
    "tables/qc.tsv",
]
LEFT_OUT = [
    "work/sub-01_ses-M00_mri/scratch.nii",
    "logs/sub-01_ses-M00_mri.log",
    "ledger/sub-01_ses-M00_mri/lease.json",
    "ledger/sub-01_ses-M00_mri/.lease.json-17",
]
HISTORY = "lock_history.jsonl"


def silent(_position: int, _total: int) -> None:
    """Show no progress."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for name in [*COUNTED, *LEFT_OUT]:
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"content of {name}\n".encode() * 3)
    return tmp_path / "out"


@pytest.fixture
def locked(out: Path) -> Path:
    lock_output(out, silent)
    return out


@pytest.fixture
def twice(locked: Path) -> Path:
    """Locked, opened with a reason, and locked again."""
    unlock_output(locked, "late scans")
    (locked / "tables/endpoints.tsv").write_text("another table\n")
    lock_output(locked, silent)
    return locked


def found(out: Path) -> list[tuple[str, str]]:
    return [(difference.what, difference.file) for difference in verify_output(out, silent)[1]]


def positions(path: Path) -> list[int]:
    """Every eleventh byte of a file, and its last one."""
    size = len(path.read_bytes())
    return [*range(0, size, 11), size - 1]


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def test_the_manifest_has_every_file_that_counts(out: Path) -> None:
    steps: list[tuple[int, int]] = []
    manifest = lock_output(out, lambda *step: steps.append(step))
    assert list(manifest.files) == sorted(COUNTED)
    for name, record in manifest.files.items():
        content = (out / name).read_bytes()
        assert (record.size, record.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert steps[-1] == (len(COUNTED), len(COUNTED))
    written = json.loads((out / "lock.json").read_text())
    assert written.pop("sha256") == manifest.digest
    canonical = json.dumps(written, sort_keys=True, separators=(",", ":"))
    assert manifest.digest == hashlib.sha256(canonical.encode()).hexdigest()
    assert found(out) == []


@pytest.mark.parametrize("name", COUNTED)
def test_a_flipped_byte_a_lost_file_and_a_new_one_are_named(locked: Path, name: str) -> None:
    path = locked / name
    flip(path, 5)
    same = Difference("changed", name, "same size, other content")
    assert verify_output(locked, silent)[1] == [same]
    flip(path, 5)
    assert found(locked) == []
    path.write_bytes(path.read_bytes() + b"x")
    assert found(locked) == [("changed", name)]
    path.rename(path.with_name("renamed"))
    renamed = (Path(name).parent / "renamed").as_posix()
    assert sorted(found(locked)) == [("missing", name), ("new", renamed)]


def test_what_does_not_count_may_change(locked: Path) -> None:
    for name in LEFT_OUT[:3]:
        (locked / name).unlink()
    (locked / "work/other").write_text("x")
    assert found(locked) == []


@pytest.mark.parametrize(
    "name",
    ["tables/.tmp-17-x.tsv", ".nfs0001", "locks/other.txt", "locks/lock-9999.json", "sub-01/.x"],
)
def test_a_planted_file_is_new_wherever_it_lies(locked: Path, name: str) -> None:
    (locked / name).parent.mkdir(exist_ok=True)
    (locked / name).write_text("x")
    assert found(locked) == [("new", name)]


def test_a_link_to_a_folder_is_new_and_cannot_be_locked(locked: Path, tmp_path: Path) -> None:
    (locked / "sub-02").symlink_to(tmp_path)
    assert found(locked) == [("new", "sub-02")]
    unlock_output(locked, "try")
    with pytest.raises(InputError, match="sub-02: is no regular file"):
        lock_output(locked, silent)
    assert not is_locked(locked)


def table_modes(out: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in (out / "tables").glob("[!.]*")}


def test_a_link_in_place_of_a_file_is_a_change_and_cannot_be_locked(
    locked: Path, tmp_path: Path
) -> None:
    table = locked / "tables/endpoints.tsv"
    table.rename(tmp_path / "elsewhere.tsv")
    table.symlink_to(tmp_path / "elsewhere.tsv")
    _, found = verify_output(locked, silent)
    assert found == [Difference("changed", "tables/endpoints.tsv", "is a link now")]
    unlock_output(locked, "test")
    with pytest.raises(InputError, match=r"tables/endpoints.tsv: is no regular file"):
        lock_output(locked, silent)


def test_tables_are_read_only_while_locked(locked: Path) -> None:
    assert table_modes(locked) == {0o444}
    unlock_output(locked, "late scans")
    assert table_modes(locked) == {0o644}


def test_tables_of_another_user(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path, _mode: int) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(InputError, match=r"tables/.*: belongs to another user"):
        lock_output(out, silent)
    assert not is_locked(out)
    assert not (out / "locks").exists()


def test_locking_and_unlocking(twice: Path) -> None:
    with pytest.raises(InputError, match=r"out: is locked\. Open it with: smartms unlock out"):
        lock_output(twice, silent)
    assert kept_locks(twice) == [1, 2]
    (first, text), (second, other) = (read_kept(twice, number) for number in (1, 2))
    assert text == "content of tables/endpoints.tsv\n" * 3
    assert other == "another table\n"
    assert (first.number, second.number) == (1, 2)
    assert (twice / "lock.json").read_bytes() == (twice / "locks/lock-0002.json").read_bytes()
    assert found(twice) == []
    unlock_output(twice, "again")
    assert not is_locked(twice)
    refuse_locked(twice)
    for act in (verify_output, unlock_output):
        with pytest.raises(InputError, match="is not locked"):
            act(twice, "x")  # type: ignore[operator]


def test_the_history_is_a_chain_that_names_nobody(twice: Path) -> None:
    unlock_output(twice, "again")
    lines = (twice / HISTORY).read_text().splitlines()
    acts = [json.loads(line) for line in lines]
    assert [act["act"] for act in acts] == ["lock", "unlock", "lock", "unlock"]
    assert [act["reason"] for act in acts] == ["", "late scans", "", "again"]
    assert acts[0]["manifest_sha256"] == acts[1]["manifest_sha256"] != acts[2]["manifest_sha256"]
    digests = ["", *(hashlib.sha256(line.encode()).hexdigest() for line in lines)]
    assert [act["previous_sha256"] for act in acts] == digests[:-1]
    assert set(acts[1]) == {
        *("act", "number", "time", "manifest_sha256", "reason", "previous_sha256")
    }


@pytest.mark.parametrize("reason", ["", "  \n", "one\ntwo"])
def test_a_reason_is_one_line(locked: Path, reason: str) -> None:
    before = (locked / HISTORY).read_bytes()
    with pytest.raises(InputError, match="is not one line"):
        unlock_output(locked, reason)
    assert (locked / HISTORY).read_bytes() == before
    assert is_locked(locked)


def test_a_flipped_byte_of_the_history_is_found(twice: Path) -> None:
    for position in positions(twice / HISTORY):
        flip(twice / HISTORY, position)
        assert ("changed", HISTORY) in found(twice), position
        flip(twice / HISTORY, position)
    assert found(twice) == []


def _without_line(number: int) -> Callable[[list[str]], list[str]]:
    return lambda lines: lines[:number] + lines[number + 1 :]


@pytest.mark.parametrize(
    "edit",
    [
        *(_without_line(number) for number in range(3)),
        lambda lines: [*lines, lines[1]],
        lambda lines: [lines[0], lines[1].replace("late", "more"), lines[2]],
        lambda lines: [lines[2], lines[1], lines[0]],
        lambda lines: ["", *lines],
    ],
)
def test_an_edited_history_is_found(twice: Path, edit: Callable[[list[str]], list[str]]) -> None:
    lines = (twice / HISTORY).read_text().splitlines()
    (twice / HISTORY).write_text("".join(f"{line}\n" for line in edit(lines)))
    assert ("changed", HISTORY) in found(twice)


def test_a_history_that_is_gone_is_missed(locked: Path) -> None:
    (locked / HISTORY).unlink()
    assert found(locked) == [("missing", HISTORY)]


def test_unlocking_says_what_the_history_has_lost(locked: Path) -> None:
    (locked / HISTORY).unlink()
    assert unlock_output(locked, "late scans") == [Difference("missing", HISTORY)]
    lock_output(locked, silent)
    assert unlock_output(locked, "again") == []


def test_an_edited_history_stays_found_after_the_next_lock(locked: Path) -> None:
    unlock_output(locked, "late scans")
    lock_output(locked, silent)
    text = (locked / HISTORY).read_text()
    (locked / HISTORY).write_text(text.replace("late", "more"))
    for _ in range(2):
        assert ("changed", HISTORY) in found(locked)
        unlock_output(locked, "again")
        lock_output(locked, silent)


def test_a_manifest_that_was_changed_is_said_in_one_line(locked: Path) -> None:
    for position in positions(locked / "lock.json"):
        flip(locked / "lock.json", position)
        with pytest.raises(InputError) as raised:
            verify_output(locked, silent)
        assert str(raised.value).startswith("lock.json: "), position
        flip(locked / "lock.json", position)
    assert found(locked) == []


def test_a_manifest_made_anew_does_not_fit_the_history(locked: Path) -> None:
    manifest = verify_output(locked, silent)[0]
    flip(locked / "plan.tsv", 0)
    forged = json.loads((locked / "lock.json").read_text())
    digest = hashlib.sha256((locked / "plan.tsv").read_bytes()).hexdigest()
    forged["files"]["plan.tsv"]["sha256"] = digest
    forged.pop("sha256")
    forged["sha256"] = _canonical(forged)
    (locked / "lock.json").write_text(json.dumps(forged))
    assert forged["sha256"] != manifest.digest
    assert found(locked) == [("changed", HISTORY)]


def _canonical(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_lock_file_that_was_deleted_does_not_unlock(twice: Path) -> None:
    (twice / "lock.json").unlink()
    with pytest.raises(InputError, match="is locked"):
        refuse_locked(twice)
    with pytest.raises(InputError, match=r"lock\.json: is missing.*Copy locks/lock-0002\.json"):
        verify_output(twice, silent)
    unlock_output(twice, "put right")
    assert not is_locked(twice)
    last = json.loads((twice / HISTORY).read_text().splitlines()[-1])
    assert last["manifest_sha256"] == read_kept(twice, 2)[0].digest


@pytest.mark.parametrize("name", ["locks/lock-0001.json", "locks/endpoints-0001.tsv.gz"])
def test_what_is_kept_of_an_earlier_lock_is_verified(twice: Path, name: str) -> None:
    for position in positions(twice / name):
        flip(twice / name, position)
        assert found(twice) == [("changed", name)], position
        flip(twice / name, position)
    (twice / name).unlink()
    assert found(twice) == [("missing", name)]


def test_the_same_table_is_kept_as_the_same_bytes(locked: Path) -> None:
    unlock_output(locked, "again")
    lock_output(locked, silent)
    kept = [(locked / f"locks/endpoints-000{number}.tsv.gz").read_bytes() for number in (1, 2)]
    assert kept[0] == kept[1]
    assert gzip.decompress(kept[0]) == (locked / "tables/endpoints.tsv").read_bytes()
