"""Time the index of a dataset of 9,601 files; the target is below one second.

Run with ``python benchmarks/index_speed.py``.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from smartms_img.io.bids import index_dataset

SUBJECTS, SESSIONS, REPEATS = 200, 4, 5


def make_tree(bids: Path) -> int:
    """Write empty files: 12 a session and the description; return their number."""
    (bids / "dataset_description.json").write_text("{}")
    for subject in range(SUBJECTS):
        for session in range(SESSIONS):
            stem = f"sub-{subject:03d}_ses-M{6 * session:02d}"
            folder = bids / f"sub-{subject:03d}" / f"ses-M{6 * session:02d}"
            for datatype in ("anat", "oct"):
                (folder / datatype).mkdir(parents=True)
            for contrast in ("T1w", "FLAIR", "T2w"):
                (folder / "anat" / f"{stem}_{contrast}.nii.gz").touch()
                (folder / "anat" / f"{stem}_{contrast}.json").touch()
            for eye in ("OD", "OS"):
                (folder / "oct" / f"{stem}_eye-{eye}_acq-ring_oct.vol").touch()
                (folder / "oct" / f"{stem}_eye-{eye}_acq-macula_oct.png").touch()
                (folder / "oct" / f"{stem}_eye-{eye}_acq-macula_oct.json").touch()
    return sum(path.is_file() for path in bids.rglob("*"))


def main() -> None:
    """Print one JSON object."""
    with tempfile.TemporaryDirectory() as folder:
        files = make_tree(Path(folder))
        seconds = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            index = index_dataset(Path(folder))
            seconds.append(time.perf_counter() - start)
    result = {"files": files, "images": len(index.files), "seconds_best": round(min(seconds), 3)}
    print(json.dumps(result | {"seconds_worst": round(max(seconds), 3)}))


if __name__ == "__main__":
    main()
