from pathlib import Path

import pytest

from smartms_img.io.participants import read_participants
from smartms_img.naming import Eye


def test_optic_neuritis_and_nothing_else_is_read(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tgroup\toptic_neuritis\n"
        "sub-01\tactive\tOD\nsub-02\tplacebo\tboth\nsub-03\tactive\tnone\nsub-04\tactive\tn/a\n"
    )
    found = read_participants(tmp_path)
    assert found.labels == ("01", "02", "03", "04")
    assert found.optic_neuritis == {
        "01": frozenset({Eye.OD}),
        "02": frozenset({Eye.OD, Eye.OS}),
        "03": frozenset(),
    }
    assert "placebo" not in repr(found)
    (warning,) = found.findings
    assert warning.level == "warning"
    assert warning.problem == "column 'group' may tell the treatment; it is not read"


def test_wrong_rows_are_findings(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text(
        "participant_id\toptic_neuritis\nsub-01\tleft\nsub-01\tOD\nsub-a_b\tOD\n"
    )
    found = read_participants(tmp_path)
    assert found.labels == ("01",)
    assert [finding.problem for finding in found.findings] == [
        "unknown optic_neuritis 'left'",
        "is listed twice",
        "a participant_id is not 'sub-' and letters and digits",
    ]
    # Which of the two rows is meant is not known, so neither names an eye.
    assert found.optic_neuritis == {"01": None}


@pytest.mark.parametrize(
    ("column", "warned"),
    [
        ("arm", True),
        ("Arm", True),
        ("ACTARM", True),
        ("ARMCD", True),
        ("TRT01P", True),
        ("treatment", True),
        ("randomisation_number", True),
        ("sequence", True),
        ("planned_arm", True),
        ("ActualTreatment", True),
        ("armLabel", True),
        ("study_drug", True),
        ("kit_number", True),
        ("kite", False),
        ("age", False),
        ("sex", False),
        ("charm", False),
        ("retreat", False),
    ],
)
def test_columns_that_may_tell_the_treatment(tmp_path: Path, column: str, warned: bool) -> None:
    (tmp_path / "participants.tsv").write_text(f"participant_id\t{column}\nsub-01\tx\n")
    assert bool(read_participants(tmp_path).findings) == warned
