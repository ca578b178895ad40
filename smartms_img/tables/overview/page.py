"""The overview page: model and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from smartms_img.catalogue import Category
from smartms_img.config import StudyConfig, study_digest
from smartms_img.io.atomic import write_text
from smartms_img.tables.overview.axes import number
from smartms_img.tables.overview.counts import Counts, MatrixRow, matrix_rows, share, shares
from smartms_img.tables.overview.panels import MOST_LINES, Section, section
from smartms_img.tables.overview.plot import draw_bar, draw_plot
from smartms_img.tables.overview.timeline import Timeline, place_in_time
from smartms_img.tables.overview.values import values_by_endpoint

OVERVIEW_FILE = "overview.html"

# All that the page reads: whatever else a table may hold does not get there.
OVERVIEW_COLUMNS = [
    "USUBJID",
    "AVISIT",
    "AVISITN",
    "ADY",
    "PARCAT1",
    "PARAMCD",
    "LOC",
    "LAT",
    "AVAL",
    "AVALERR",
    "CHG",
    "ANL01FL",
    "QCSTAT",
    "CFGSHA256",
    "BASETYPE",
]


@dataclass(frozen=True)
class MatrixGroup:
    """Completeness of the endpoints of one PARCAT1."""

    title: str
    rows: tuple[MatrixRow, ...]


@dataclass(frozen=True)
class Overview:
    """Everything that the page shows."""

    study: str
    baseline: str
    visits: tuple[str, ...]
    subjects: int
    shares: tuple[tuple[str, Counts], ...]
    digests: tuple[tuple[str, str], ...]
    groups: tuple[MatrixGroup, ...]
    extra_groups: tuple[MatrixGroup, ...]
    sections: tuple[tuple[str, tuple[Section, ...]], ...]
    timeline: Timeline
    as_lines: bool


def write_overview(folder: Path, table: pd.DataFrame, config: StudyConfig) -> Path:
    """Write ``overview.html``: completeness and plots of all endpoints, offline in one file.

    Parameters
    ----------
    folder : Path
        Folder of the tables.
    table : DataFrame
        The endpoint table.
    config : StudyConfig
        Study and method.

    Returns
    -------
    Path
        The page; the same table and configuration give the same bytes.
    """
    path = folder / OVERVIEW_FILE
    write_text(path, overview_html(table, config))
    return path


def overview_html(table: pd.DataFrame, config: StudyConfig) -> str:
    """Return the page as text; see :func:`write_overview`."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"plot": draw_plot, "bar": draw_bar, "number": number, "share": share}
    template = environment.get_template("overview.html.j2")
    return template.render(page=overview(table, config), most_lines=MOST_LINES)


def overview(table: pd.DataFrame, config: StudyConfig) -> Overview:
    """Return what the page shows.

    Plots are of the rows against the configured baseline; other pairs of visits are counted.
    """
    names = {visit.label: visit.name for visit in config.visits}
    visits, baseline = tuple(names.values()), names[config.baseline]
    own = table[OVERVIEW_COLUMNS]
    usual = own[own["BASETYPE"] == baseline]
    timeline, places = place_in_time(usual, visits)
    subjects = int(own["USUBJID"].nunique())
    as_lines = subjects <= MOST_LINES
    rows: list[tuple[Category, MatrixRow]] = []
    plotted: list[Section] = []
    for item, values in values_by_endpoint(usual.assign(X=places)):
        rows += [(item.category, row) for row in matrix_rows(item, values, visits)]
        plotted.append(section(item, values, visits, timeline, as_lines=as_lines))
    return Overview(
        study=config.study_id,
        baseline=baseline,
        visits=visits,
        subjects=subjects,
        shares=shares(own),
        digests=_digests(own, config),
        groups=_groups(rows),
        extra_groups=_extra_groups(own[own["BASETYPE"] != baseline], visits),
        sections=_by_category(plotted),
        timeline=timeline,
        as_lines=as_lines,
    )


def _extra_groups(table: pd.DataFrame, visits: Sequence[str]) -> tuple[MatrixGroup, ...]:
    groups: list[MatrixGroup] = []
    for name, own in table.groupby("BASETYPE", sort=False, observed=True):
        rows = [
            (item.category, row)
            for item, values in values_by_endpoint(own.assign(X=0.0))
            for row in matrix_rows(item, values, visits)
        ]
        groups += _groups(rows, f" since {name}")
    return tuple(groups)


def _groups(rows: Sequence[tuple[Category, MatrixRow]], note: str = "") -> tuple[MatrixGroup, ...]:
    by_category = {item: tuple(row for own, row in rows if own is item) for item in Category}
    return tuple(
        MatrixGroup(f"{item.value}{note}", own) for item, own in by_category.items() if own
    )


def _by_category(found: list[Section]) -> tuple[tuple[str, tuple[Section, ...]], ...]:
    grouped = {item: tuple(s for s in found if s.item.category is item) for item in Category}
    return tuple((item.value, own) for item, own in grouped.items() if own)


def _digests(table: pd.DataFrame, config: StudyConfig) -> tuple[tuple[str, str], ...]:
    """Return digests with what they are of: the configuration, and the parts that rows name."""
    whole = study_digest(config)
    rows = table[(table["CFGSHA256"] != whole) & table["AVAL"].notna()]
    categories = rows.groupby("CFGSHA256", sort=False, observed=True)["PARCAT1"].unique()
    parts = [(f"values of {', '.join(names)}", str(sha)) for sha, names in categories.items()]
    return (("whole configuration", whole), *sorted(parts))
