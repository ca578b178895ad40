from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartms_img.errors import InputError
from smartms_img.io.bids import index_dataset
from smartms_img.naming import Contrast, Eye, OctScanKind

LABELS = st.text("ABCabc0189", min_size=1, max_size=6)


def touch(bids: Path, *paths: str) -> Path:
    for path in ("dataset_description.json", *paths):
        (bids / path).parent.mkdir(parents=True, exist_ok=True)
        (bids / path).touch()
    (bids / ".bidsignore").write_text("**/oct\n")
    return bids


def anat(name: str, subject: str = "01", session: str = "M00") -> str:
    return f"sub-{subject}/ses-{session}/anat/{name}"


def test_published_layout(tmp_path: Path) -> None:
    index = index_dataset(
        touch(
            tmp_path,
            anat("sub-01_ses-M00_T1w.nii.gz"),
            anat("sub-01_ses-M00_T1w.json"),
            anat("sub-01_ses-M00_FLAIR.nii.gz"),
            "sub-01/ses-M00/oct/sub-01_ses-M00_eye-OS_acq-macula_oct.e2e",
        )
    )
    assert [(file.contrast, file.eye, file.scan) for file in index.files] == [
        (Contrast.FLAIR, None, None),
        (Contrast.T1W, None, None),
        (None, Eye.OS, OctScanKind.MACULA),
    ]
    assert index.sessions == {"01": ("M00",)}
    assert index.findings == ()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    index = index_dataset(
        touch(
            tmp_path,
            anat("sub-01_ses-M00_T1w.nii.gz"),
            anat("sub-01_ses-M00_ce-gad_T1w.nii.gz"),
            anat("sub-01_ses-M00_T2star.nii.gz"),
            anat("notes.txt"),
            anat(".DS_Store"),
            "sub-01/ses-M00/dwi/sub-01_ses-M00_dwi.nii.gz",
            "derivatives/x/sub-01/ses-M00/anat/sub-01_ses-M00_T1w.nii.gz",
            "sourcedata/sub-99/ses-M00/anat/sub-99_ses-M00_T1w.nii.gz",
            "code/run.py",
        )
    )
    assert [file.path for file in index.files] == [anat("sub-01_ses-M00_T1w.nii.gz")]
    assert index.findings == ()


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (anat("sub-02_ses-M00_T1w.nii.gz"), "is named sub-02 but lies in sub-01"),
        (anat("sub-01_ses-M06_T1w.nii.gz"), "is named ses-M06 but lies in ses-M00"),
        (anat("sub-01_T1w.nii.gz"), "has no 'ses-' in its name"),
        (anat("scan.nii.gz"), "has no 'sub-' in its name"),
        (anat("sub-01_ses-M00_t1w.nii.gz"), "unknown contrast 't1w'"),
        ("sub-01/ses-M00/oct/sub-01_ses-M00_eye-XX_acq-ring_oct.vol", "unknown eye 'XX'"),
        ("sub-01/ses-M00/oct/sub-01_ses-M00_eye-od_acq-ring_oct.vol", "unknown eye 'od'"),
        (
            "sub-01/ses-M00/oct/sub-01_ses-M00_acq-ring_oct.vol",
            "unknown eye: no 'eye-' in the name",
        ),
        ("sub-01/ses-M00/oct/sub-01_ses-M00_eye-OD_acq-disc_oct.vol", "unknown scan 'disc'"),
        (
            "sub-01/ses-M00/oct/sub-01_ses-M00_eye-OD_acq-ring_oct.pdf",
            "unknown OCT format '.pdf'",
        ),
    ],
)
def test_unclear_file_is_a_finding_and_unused(tmp_path: Path, path: str, problem: str) -> None:
    index = index_dataset(touch(tmp_path, path))
    assert [file.problem for file in index.files] == [problem]
    assert [(f.level, f.problem, f.file) for f in index.findings] == [("wrong", problem, path)]


def test_duplicates_are_both_unused(tmp_path: Path) -> None:
    index = index_dataset(
        touch(
            tmp_path,
            anat("sub-01_ses-M00_run-1_T1w.nii.gz"),
            anat("sub-01_ses-M00_run-2_T1w.nii.gz"),
            anat("sub-01_ses-M00_FLAIR.nii.gz"),
        )
    )
    problems = {Path(file.path).name: file.problem for file in index.files}
    assert problems == {
        "sub-01_ses-M00_run-1_T1w.nii.gz": "one of 2 for the same scan",
        "sub-01_ses-M00_run-2_T1w.nii.gz": "one of 2 for the same scan",
        "sub-01_ses-M00_FLAIR.nii.gz": "",
    }


def test_link_without_target_is_a_finding(tmp_path: Path) -> None:
    touch(tmp_path, anat("sub-01_ses-M00_FLAIR.nii.gz"))
    (tmp_path / anat("sub-01_ses-M00_T1w.nii.gz")).symlink_to("../annex/gone")
    (finding,) = index_dataset(tmp_path).findings
    assert "without target" in finding.problem
    assert "datalad get" in finding.remedy


def test_heidelberg_export_keeps_its_pictures(tmp_path: Path) -> None:
    folder = "sub-01/ses-M00/oct"
    index = index_dataset(
        touch(
            tmp_path,
            f"{folder}/sub-01_ses-M00_eye-OD_acq-macula_oct.xml",
            f"{folder}/B1.tif",
            f"{folder}/NIR1.tif",
        )
    )
    assert [file.item for file in index.files] == ["OD macula"]
    assert index.findings == ()


def test_folder_of_pictures_is_one_volume(tmp_path: Path) -> None:
    folder = "sub-01/ses-M00/oct/sub-01_ses-M00_eye-OS_acq-macula_oct"
    index = index_dataset(touch(tmp_path, f"{folder}/b00.png", f"{folder}/b01.png"))
    assert [(file.path, file.item) for file in index.files] == [(folder, "OS macula")]


def test_no_dataset_and_no_participant(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        index_dataset(tmp_path / "absent")
    with pytest.raises(InputError, match="has no participant"):
        index_dataset(tmp_path)


def test_images_outside_a_session_are_a_finding(tmp_path: Path) -> None:
    index = index_dataset(touch(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz"))
    assert [f.problem for f in index.findings] == ["lies outside a session folder"]
    assert index.files == ()


@given(subject=LABELS, session=LABELS, contrast=st.sampled_from(Contrast), data=st.data())
def test_any_valid_name_is_placed(
    tmp_path_factory: pytest.TempPathFactory,
    subject: str,
    session: str,
    contrast: Contrast,
    data: st.DataObject,
) -> None:
    acquisition = data.draw(st.one_of(st.none(), LABELS))
    middle = f"_acq-{acquisition}" if acquisition else ""
    path = (
        f"sub-{subject}/ses-{session}/anat/sub-{subject}_ses-{session}{middle}_{contrast}.nii.gz"
    )
    index = index_dataset(touch(tmp_path_factory.mktemp("bids"), path))
    assert [(f.path, f.subject, f.session, f.contrast, f.problem) for f in index.files] == [
        (path, subject, session, contrast, "")
    ]


@given(
    name=st.text(
        st.characters(codec="ascii", categories=("L", "N"), include_characters="_-. "),
        min_size=1,
        max_size=30,
    ).filter(lambda name: not name.startswith("."))
)
def test_any_name_at_all_is_used_or_explained(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    path = f"sub-01/ses-M00/oct/{name}"
    index = index_dataset(touch(tmp_path_factory.mktemp("bids"), path))
    for file in index.files:
        assert file.problem or (file.eye and file.scan)
