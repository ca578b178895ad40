"""Units with pictures, and judgements about them, as tests make them."""

from __future__ import annotations

from measured_output import kind_of

from smartms_img.io.ledger import Attempt
from smartms_img.io.measures import Measure, QcMetric, check
from smartms_img.io.plan_table import PlanRow
from smartms_img.io.ratings import Judgement, Rating
from smartms_img.io.results import UnitResult
from smartms_img.method import METHOD_VERSION
from smartms_img.naming import UnitKind
from smartms_img.qc.rubric import ELEMENTS, shown_files

UNIT = "sub-01_ses-M00_mri"
STEM = "sub-01/ses-M00/anat/sub-01_ses-M00"
FIGURES = "sub-01/figures/sub-01_ses-M00"
OUTPUTS = {
    f"{FIGURES}_mask.png": "1",
    f"{FIGURES}_mask.json": "0",
    f"{FIGURES}_tissue.png": "2",
    f"{FIGURES}_regions.png": "3",
    f"{FIGURES}_lesions.png": "4",
    f"{STEM}_desc-preproc_T1w.nii.gz": "5",
    f"{STEM}_desc-brain_mask.nii.gz": "6",
    f"{STEM}_dseg.nii.gz": "7",
    f"{STEM}_desc-regions_dseg.nii.gz": "8",
    f"{STEM}_desc-preproc_FLAIR.nii.gz": "9",
    f"{STEM}_label-lesion_mask.nii.gz": "10",
    f"{STEM}_desc-qc.json": "11",
}
GOOD = (check("snr", 9, at_least=5),)
BAD = (check("snr", 3, at_least=5),)


def done(
    metrics: tuple[QcMetric, ...] = GOOD, outputs: dict[str, str] | None = None
) -> dict[str, UnitResult]:
    """Return a visit with volumes and lesions that is done."""
    measures = tuple(
        Measure(code, 1.0, unit, "m", "1", "M00") for code, unit in (("BPV", "mL"), ("T2LV", "mL"))
    )
    row = PlanRow(UNIT, UnitKind.SESSION, "01", "M00")
    made = attempt(UNIT, OUTPUTS if outputs is None else outputs)
    return {UNIT: UnitResult(row, "done", "", made, measures, metrics)}


def attempt(unit: str, outputs: dict[str, str], config_sha256: str = "c") -> Attempt:
    """Return an attempt that is done."""
    return Attempt(
        unit=unit,
        number=1,
        state="done",
        cause="",
        reason="",
        host="host",
        pid=1,
        started="2020-01-01T00:00:00+00:00",
        ended="2020-01-01T00:00:01+00:00",
        exit_code=0,
        max_rss_mb=1.0,
        cpu_s=1.0,
        seed=1,
        versions={},
        row_hash="r",
        config_sha256=config_sha256,
        method_version=METHOD_VERSION[kind_of(unit)],
        inputs={},
        outputs=outputs,
    )


class Chain:
    """Ratings one after the other, without a file."""

    def __init__(self) -> None:
        self.ratings: list[Rating] = []

    def says(
        self, reader: str, verdict: str, element: str = "brain_mask", **changes: object
    ) -> Judgement:
        """Add a rating of the present pictures, or of others."""
        content: dict[str, object] = {
            "reader": reader,
            "role": "reader",
            "unit": UNIT,
            "element": element,
            "shown": shown_files(ELEMENTS[element], OUTPUTS),
            "rubric": "1",
            "verdict": verdict,
        }
        said = Judgement(**(content | changes))  # type: ignore[arg-type]
        self.ratings.append(Rating(len(self.ratings) + 1, "", "", said))
        return said
