"""``methods.md`` and ``citations.bib``: how the numbers were made, for the methods of a paper."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import fill

from smartms_img.catalogue import CATALOGUE, Endpoint, known_errors, planned_keys
from smartms_img.config import StudyConfig, study_digest
from smartms_img.io.atomic import write_text
from smartms_img.io.results import UnitResult
from smartms_img.method import METHOD_VERSION
from smartms_img.tables.citations import bibliography

METHODS_FILE, BIBLIOGRAPHY_FILE = "methods.md", "citations.bib"

_VISIT = """\
## MRI of a visit

The brain was found on the T1w by a deformable surface [@smith2002] unless the image came without
a skull, and by registration [@avants2011] to the MNI152 template [@fonov2011], done at {atlas:g}
mm, which also brings prior probabilities of tissue and anatomical regions [@desikan2006]. Grey
matter, white matter, fluid and the bias field of the T1w were found together [@ashburner2005] by a
mixture model with partial volume [@shattuck2001] and these priors; for volumes, after lesions were
filled. The FLAIR was aligned to the T1w, and its bias field found by the same model.
Lesions are {lesions}; a lesion has at least {volume:g} mm3.
"""
_PAIR = """\
## MRI change between two visits

Both visits were brought to the space half way between them, each resampled once to {spacing:g} mm,
so that neither is favoured. The displacement between them was estimated together with gain and
contrast, and volume change is the ratio of Jacobian determinants summed over the tissue of both
visits, lesions left out. New, enlarging, shrinking and resolved lesions were decided on the FLAIR
of both visits together: a signal change of {z:g} standard deviations of the noise, growth by
{growth:.0%} for enlarging and loss of {loss:.0%} for shrinking lesions. Slowly expanding lesions
[@elliott2019] are candidates from two visits.
"""
_OCT = """\
## Retinal OCT

{layers} RNFL is measured on the ring, the layers of the macula in the ETDRS grid centred on the
fovea that was found. A follow-up scan is measured at the place of its baseline. Inter-eye
differences go by the thresholds {thresholds}. Quality was checked after
OSCAR-IB [@tewarie2012]; `apostel.json` reports the acquisition by APOSTEL 2.0 [@aytulun2021].
"""
_OWN_LAYERS = """\
Nine boundaries were found on each B-scan by a neural network and a joint search in each A-scan."""
_THRESHOLDS = {"IMSVISUAL-2019": " [@nolankenney2019]"}
_TEXT = """\
# Methods

Images of the study {study} were organised by BIDS [@gorgolewski2016] and measured with smartms,
whose pipelines are nipype graphs [@gorgolewski2011]. Each value was checked automatically;
thresholds, parameters and visit windows stand in `smartms_config.yaml` (SHA-256 `{digest}`), the
verdicts in `tables/qc.tsv`. The treatment was not known to the program. The random seed was
{seed}; each measurement ran on one thread.

Planned visits: {visits}. Change is measured from {baselines}.

{sections}
## Versions

Methods: {methods}. Software of the measurements: {software}.

## Endpoints

AVALERR is the standard deviation of a repeated measurement, where it is known.

| PARAMCD | what | unit | how | AVALERR |
| --- | --- | --- | --- | --- |
{endpoints}
"""


def write_methods(folder: Path, results: Mapping[str, UnitResult], config: StudyConfig) -> None:
    """Write ``methods.md``, and ``citations.bib`` with what it cites.

    Parameters
    ----------
    folder : Path
        Where to write: the output directory.
    results : mapping of str to UnitResult
        What :func:`smartms_img.io.results.read_results` found in the output directory.
    config : StudyConfig
        Study and method.
    """
    planned = {key.paramcd: CATALOGUE[key.paramcd] for key in planned_keys(config)}
    text = _TEXT.format(
        study=config.study_id,
        digest=study_digest(config),
        seed=config.mri.seed,
        visits=", ".join(
            f"{visit.name} ({visit.window_days[0]} to {visit.window_days[1]} days since baseline)"
            for visit in config.visits
        ),
        baselines=" and ".join(_names(config, (config.baseline, *config.extra_baselines))),
        sections="\n".join(_sections(config)),
        methods=", ".join(f"{kind} {version}" for kind, version in METHOD_VERSION.items()),
        software=_software(results.values()),
        endpoints="\n".join(map(_endpoint_line, planned.values())),
    )
    write_text(folder / METHODS_FILE, _wrapped(text))
    write_text(folder / BIBLIOGRAPHY_FILE, bibliography(re.findall(r"\[@(\w+)\]", text)))


def _sections(config: StudyConfig) -> list[str]:
    lesions, mri = config.mri.lesions, config.mri
    whose = f"masks of {lesions.masks}" if lesions.masks else "found by a neural network"
    sections = [
        _VISIT.format(lesions=whose, volume=lesions.min_volume_mm3, atlas=mri.atlas_spacing_mm)
    ]
    if config.pairs:
        sections.append(
            _PAIR.format(
                spacing=mri.pair_spacing_mm,
                z=lesions.change_z,
                growth=lesions.enlarging_fraction,
                loss=lesions.shrinking_fraction,
            )
        )
    source, thresholds = config.oct.measured_layers, config.oct.inter_eye_thresholds
    layers = _OWN_LAYERS if source == "smartms" else f"Retinal layers are those of {source}."
    cited = _THRESHOLDS.get(thresholds, "")
    sections.append(_OCT.format(layers=layers, thresholds=thresholds + cited))
    return sections


def _wrapped(text: str) -> str:
    """Wrap paragraphs anew; headings and tables stay."""
    parts = text.split("\n\n")
    prose = [not part.startswith(("#", "|")) for part in parts]
    lines = [fill(part, 99) if wrap else part for part, wrap in zip(parts, prose, strict=True)]
    return "\n\n".join(lines).rstrip("\n") + "\n"


def _names(config: StudyConfig, labels: Iterable[str]) -> list[str]:
    visits = {visit.label: visit.name for visit in config.visits}
    return [visits[label] for label in labels]


def _software(results: Iterable[UnitResult]) -> str:
    """Return the versions of all attempts that count, several of a package with 'and'."""
    found: dict[str, set[str]] = {}
    for result in results:
        if result.standing == "done" and result.attempt is not None:
            for name, version in result.attempt.versions.items():
                found.setdefault(name, set()).add(version)
    listed = (f"{name} {' and '.join(sorted(versions))}" for name, versions in found.items())
    return ", ".join(listed) or "nothing was measured"


def _endpoint_line(item: Endpoint) -> str:
    errors = [
        f"{loc} {error.sd:g}".strip()
        for (paramcd, loc), error in known_errors().items()
        if paramcd == item.paramcd
    ]
    cells = (item.paramcd, item.name, item.unit, item.method, ", ".join(errors) or "unknown")
    return f"| {' | '.join(cells)} |"
