"""The reviewer's guide: what a reader of the exports has to know, in one page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smartms_img import __version__
from smartms_img.catalogue import CATALOGUE, endpoint
from smartms_img.config import StudyConfig, study_digest
from smartms_img.io.atomic import write_text
from smartms_img.tables.cdisc.dataset import Dataset

GUIDE_FILE = "reviewers_guide.md"
_TEXT = """\
# Reviewer's guide: imaging datasets of {study}

Written by smartms {version}; SHA-256 of the study configuration `{digest}`.
`define.xml` describes every variable, code and method of these datasets.

| dataset | what | one row is | rows | keys |
| --- | --- | --- | --- | --- |
{datasets}

## What to know first

* Every planned value of every subject is a row. Where AVAL is missing, QCREAS says why; in NV and
  OE the row has the status NOT DONE and the reason. Nothing is imputed.
* A value that failed quality control stays in the datasets. ANL01FL is Y only where it passed, as
  is --ACPTFL. Analyse rows with ANL01FL = Y.
* The session label of a scan says which planned visit it belongs to; no row is moved between
  visits. ANL02FL is Y where ANL01FL is Y and ADY lies in the window AWLO to AWHI.
* A visit has one scan of each kind. Of several files for one scan none is taken, and the row says
  so. A unit that ran again counts with its last attempt.
* BASE is AVAL at the visit of BASETYPE, whatever its quality; CHG and PCHG exist only where that
  visit passed and the two visits may be compared. Endpoints that are a change themselves
  (PARCAT1 "MRI change") have no BASE.
{baselines}
* Day 1 is the day of the baseline visit {baseline}; no dates are held.
* SRCDOM, SRCVAR and SRCSEQ of ADIMG and ADOCT name the finding that AVAL is from: several rows
  where there are extra baselines.
* TRTSEQP and APERIOD are empty, for statistics to fill. The treatment is never read.
* PARAMCD, LOC and LAT together say what was measured: each combination is an analysis parameter of
  its own. --SPID holds the three joined by '.', for a change also the earlier visit, and --TSTDTL
  says them in words.
* --DRVFL is Y where a value is computed from those of both eyes. There is no --LOBXFL: it
  needs the treatment.
* --DY and --BLFL go by the baseline visit of the configuration, as ADY and ABLFL do.
* SRCSHA and CFGSHA are the SHA-256 of the scans and of the configuration. In `endpoints.tsv` they
  are called SRCSHA256 and CFGSHA256, which is longer than a SAS name.
* Text longer than 200 characters goes on in a variable with the number 1, 2 and so forth. What is
  not ASCII is written as an escape such as \\xe9; the tables in UTF-8 have it as it is.
* The dates in the heads of the files are always 1970-01-01: equal data are equal files.

## Sponsor's extensions

These endpoints have no term in CDISC's controlled terminology; their --TESTCD is their PARAMCD:

{extensions}

## Endpoints

| PARAMCD | what | unit | decimals | worse | method |
| --- | --- | --- | --- | --- | --- |
{endpoints}
"""


def write_guide(folder: Path, datasets: Sequence[Dataset], config: StudyConfig) -> None:
    """Write ``reviewers_guide.md``.

    Parameters
    ----------
    folder : Path
        Folder of the tables.
    datasets : sequence of Dataset
        What lies in it.
    config : StudyConfig
        Study and method.
    """
    planned = dict.fromkeys(
        code for dataset in datasets for code in dataset.contents.held.get("PARAMCD", ())
    )
    text = _TEXT.format(
        study=config.study_id,
        version=__version__,
        digest=study_digest(config),
        datasets="\n".join(map(_dataset_line, datasets)),
        baselines=_baselines(config),
        baseline=_visit_name(config, config.baseline),
        extensions=", ".join(code for code in planned if CATALOGUE[code].cdisc.test.text == code),
        endpoints="\n".join(map(_endpoint_line, planned)),
    )
    write_text(folder / GUIDE_FILE, text)


def _dataset_line(dataset: Dataset) -> str:
    name = f"`{dataset.name.lower()}.xpt`"
    form, count = dataset.form, dataset.contents.records
    return f"| {name} | {form.label} | {form.structure} | {count} | {' '.join(form.keys)} |"


def _endpoint_line(paramcd: str) -> str:
    item = endpoint(paramcd)
    cells = (paramcd, item.name, item.unit, str(item.precision), item.worse.value, item.method)
    return f"| {' | '.join(cells)} |"


def _visit_name(config: StudyConfig, label: str) -> str:
    visit = config.visit(label)
    return f'"{visit.name}"' if visit else label


def _baselines(config: StudyConfig) -> str:
    first = _visit_name(config, config.baseline)
    if not config.extra_baselines:
        return f"* BASETYPE is {first} on all rows but those of extra pairs of visits."
    others = ", ".join(_visit_name(config, label) for label in config.extra_baselines)
    return (
        f"* BASETYPE is {first}; rows that compare with {others} repeat the values of the visits\n"
        "  from there on. Choose one BASETYPE for an analysis."
    )
