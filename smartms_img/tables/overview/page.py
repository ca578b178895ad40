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
from smartms_img.tables.overview.counts import Counts, MatrixGroup, matrix, share, shares
from smartms_img.tables.overview.panels import MOST_LINES, Section, sections
from smartms_img.tables.overview.plot import draw_bar, draw_plot
from smartms_img.tables.overview.timeline import Timeline, place_in_time
from smartms_img.tables.overview.values import values_by_place

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
    values = values_by_place(usual.assign(X=places))
    subjects = int(own["USUBJID"].nunique())
    as_lines = subjects <= MOST_LINES
    return Overview(
        study=config.study_id,
        baseline=baseline,
        visits=visits,
        subjects=subjects,
        shares=shares(own),
        digests=_digests(own, config),
        groups=matrix(values, visits),
        extra_groups=_extra_groups(own[own["BASETYPE"] != baseline], visits),
        sections=_by_category(sections(values, visits, timeline, as_lines=as_lines)),
        timeline=timeline,
        as_lines=as_lines,
    )


def _extra_groups(table: pd.DataFrame, visits: Sequence[str]) -> tuple[MatrixGroup, ...]:
    return tuple(
        group
        for name, rows in table.groupby("BASETYPE", sort=False)
        for group in matrix(values_by_place(rows.assign(X=0.0)), visits, f"since {name}")
    )


def _by_category(found: list[Section]) -> tuple[tuple[str, tuple[Section, ...]], ...]:
    grouped = {item: tuple(s for s in found if s.item.category is item) for item in Category}
    return tuple((item.value, own) for item, own in grouped.items() if own)


def _digests(table: pd.DataFrame, config: StudyConfig) -> tuple[tuple[str, str], ...]:
    """Return digests with what they are of: the configuration, and the parts that rows name."""
    whole = study_digest(config)
    rows = table[(table["CFGSHA256"] != whole) & table["AVAL"].notna()]
    categories = rows.groupby("CFGSHA256", sort=False)["PARCAT1"].unique()
    parts = [(f"values of {', '.join(names)}", str(sha)) for sha, names in categories.items()]
    return (("whole configuration", whole), *sorted(parts))
