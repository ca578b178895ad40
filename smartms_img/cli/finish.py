"""Tables and report from what lies in the output directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from smartms_img.config import StudyConfig
from smartms_img.errors import InputError
from smartms_img.execution.dataset import check_plan
from smartms_img.io.decisions import Decision, ReaderFigure
from smartms_img.io.layout import TABLES_FOLDER
from smartms_img.io.ratings import COPY_FILE, Rating, RatingsLog
from smartms_img.io.results import UnitResult, read_results
from smartms_img.naming import QcStatus

_SHOWN = 3


class Evidence(NamedTuple):
    """What the tables of an output directory are made from, and the ratings behind it."""

    results: dict[str, UnitResult]
    decisions: tuple[Decision, ...]
    ratings: list[Rating]
    readers: tuple[ReaderFigure, ...]


def read_evidence(out: Path, config: StudyConfig) -> Evidence:
    """Return what the tables of an output directory are made from."""
    # They take time to import, which the start of every unit would pay for.
    from smartms_img.qc.reader_figures import reader_figures  # noqa: PLC0415
    from smartms_img.qc.review_decisions import decisions  # noqa: PLC0415

    check_plan(out)
    results, ratings = read_results(out, config), RatingsLog(out).read()
    refuse_lost_ratings(out, ratings)
    found = decisions(results, ratings, config.qc.review.rules)
    return Evidence(results, found, ratings, reader_figures(ratings))


def refuse_lost_ratings(out: Path, ratings: Sequence[Rating]) -> None:
    """Raise InputError if the database of the review knows of ratings that are not there."""
    if not (out / COPY_FILE).is_file():
        return
    # SQLAlchemy takes time to import, and most outputs have no database.
    from smartms_img.qc.review.store import Store  # noqa: PLC0415

    store = Store(f"sqlite:///{out / COPY_FILE}")
    try:
        store.refuse_lost(ratings)
    finally:
        store.close()


def write_results(out: Path, config: StudyConfig) -> Evidence:
    """Write the tables and the report of an output directory; return what they are made from."""
    folder = out / TABLES_FOLDER
    if folder.exists() and not folder.is_dir():
        raise InputError("is no folder", "Remove it", file=folder.name)
    found = read_evidence(out, config)
    _write(out, config, found, out)
    return found


def outdated_files(out: Path, config: StudyConfig, found: Evidence) -> list[str]:
    """Return the files that :func:`write_results` would change, and those it does not write.

    Paths are relative to the output directory and sorted; of files beside the tables only those
    of its kinds count.
    """
    with TemporaryDirectory(prefix="smartms-") as name:
        fresh = Path(name)
        _write(out, config, found, fresh)
        written = {path.relative_to(fresh) for path in fresh.rglob("*") if not path.is_dir()}
        there = [*(out / TABLES_FOLDER).rglob("*"), *out.glob("*.html")]
        names = written | {path.relative_to(out) for path in there if not path.is_dir()}
        return sorted(name.as_posix() for name in names if not _same(out / name, fresh / name))


def outdated_units(results: Mapping[str, UnitResult]) -> list[str]:
    """Return one line a reason why values that are there do not count, with the units."""
    units: dict[str, list[str]] = {}
    for name, result in results.items():
        if result.standing == "outdated":
            units.setdefault(result.problem, []).append(name)
    return [
        f"{len(names)} {'unit is' if len(names) == 1 else 'units are'} left out, "
        f"{problem}: {', '.join(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''}"
        for problem, names in units.items()
    ]


def _write(out: Path, config: StudyConfig, found: Evidence, target: Path) -> None:
    # pandas, pyarrow and the drawing of the report take seconds to import.
    from smartms_img.qc.report import write_report  # noqa: PLC0415
    from smartms_img.tables import write_tables  # noqa: PLC0415

    results, decisions = found.results, found.decisions
    write_tables(out, results, config, decisions, target=target, readers=found.readers)
    write_report(out, results, found.ratings, decisions, target)


def _same(first: Path, second: Path) -> bool:
    both = first.is_file() and second.is_file()
    return both and first.read_bytes() == second.read_bytes()


def rejections(decisions: Iterable[Decision]) -> list[str]:
    """Return one line a unit and reason of failure: which endpoints failed, and why.

    A failure of the whole unit is said once, without the endpoints that it takes along.
    """
    failed = [decision for decision in decisions if decision.status is QcStatus.FAIL]
    whole = {decision.unit for decision in failed if not decision.paramcd}
    endpoints: dict[tuple[str, str], list[str]] = {}
    for decision in failed:
        if decision.paramcd and decision.unit in whole:
            continue
        of_unit = endpoints.setdefault((decision.unit, decision.reason), [])
        of_unit += [decision.paramcd] if decision.paramcd else []
    return [
        f"quality: {unit}{' ' if codes else ''}{', '.join(codes)}: {reason}"
        for (unit, reason), codes in endpoints.items()
    ]
