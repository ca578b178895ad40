"""What is plotted of every endpoint: trajectories, distribution by visit, error, direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, isnan, sqrt
from operator import attrgetter

from smartms_img.catalogue import Endpoint, Worse
from smartms_img.naming import QcStatus, UnitKind
from smartms_img.tables.overview.axes import padded
from smartms_img.tables.overview.counts import Counts, count
from smartms_img.tables.overview.places import main_location, place_text
from smartms_img.tables.overview.timeline import Timeline
from smartms_img.tables.overview.values import Places, Value, by_visit

MOST_LINES = 60
"""Number of subjects up to which each is drawn as a line; beyond it quantiles are drawn."""

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
# Share of the values that lie between these bounds if nothing but the error moved them.
_TWO_SIDED_95 = 1.96
# An axis of counts is wide enough for three whole numbers.
_COUNT_RANGE = 2.2


@dataclass(frozen=True)
class Point:
    """A value of a subject: time, value, QCSTAT."""

    x: float
    y: float
    status: str


@dataclass(frozen=True)
class Series:
    """The values of one subject, in the order of time."""

    subject: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Spread:
    """The passed values of one visit.

    ``quantiles`` are minimum, 5 %, 25 %, median, 75 %, 95 % and maximum, interpolated linearly;
    empty where there is no value.
    """

    visit: str
    x: float
    n: int
    quantiles: tuple[float, ...]

    @property
    def five(self) -> tuple[float, ...]:
        """Minimum, quartiles and maximum."""
        return tuple(self.quantiles[place] for place in (0, 2, 3, 4, 6)) if self.n else ()


@dataclass(frozen=True)
class Plot:
    """One plot.

    Attributes
    ----------
    title : str
        Endpoint, place and quantity.
    label : str
        Quantity and unit, for the axis.
    worse : Worse
        Direction of the endpoint.
    is_change : bool
        True if zero means no change.
    error : float or None
        Half the width of the error of measurement around zero.
    series : tuple of Series
        Empty where there are too many subjects for lines.
    spreads : tuple of Spread
        One a visit that has a place in time.
    low, high : float
        Range of the axis.
    beyond : int
        Failed values outside of that range.
    counted : bool
        True for counts.
    """

    title: str
    label: str
    worse: Worse
    is_change: bool
    error: float | None
    series: tuple[Series, ...]
    spreads: tuple[Spread, ...]
    low: float
    high: float
    beyond: int
    counted: bool

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to draw."""
        return not self.series and not any(spread.n for spread in self.spreads)


@dataclass(frozen=True)
class _Quantity:
    """A field of :class:`Value` that is plotted, and the SD of its error of measurement."""

    field: str
    name: str
    is_change: bool
    sd: float | None


@dataclass(frozen=True)
class VisitLine:
    """A line of the table below the plots."""

    visit: str
    counts: Counts
    spreads: tuple[Spread, ...]


@dataclass(frozen=True)
class Panel:
    """One endpoint at one place: its plots, and its numbers by visit."""

    place: str
    plots: tuple[Plot, ...]
    lines: tuple[VisitLine, ...]
    decimals: int


@dataclass(frozen=True)
class Section:
    """One endpoint: the main location in the open, the others folded away."""

    item: Endpoint
    main: tuple[Panel, ...]
    others: tuple[Panel, ...]


def section(
    item: Endpoint, places: Places, visits: Sequence[str], timeline: Timeline, *, as_lines: bool
) -> Section:
    """Return what is shown of an endpoint.

    Parameters
    ----------
    item : Endpoint
        Which one.
    places : Places
        Its rows of one BASETYPE.
    visits : sequence of str
        AVISIT in order.
    timeline : Timeline
        The time axis.
    as_lines : bool
        Draw a line for each subject; otherwise quantiles alone.
    """
    panels: dict[bool, list[Panel]] = {True: [], False: []}
    for (loc, lat), own in places.items():
        place = place_text(item, loc, lat)
        about = f"{item.paramcd} {place}".strip()
        plots = tuple(
            _plot(about, item, quantity, own, timeline, as_lines=as_lines)
            for quantity in _quantities(item, own)
        )
        panel = Panel(place, plots, _lines(own, visits, plots), _decimals(item))
        panels[loc == main_location(item)].append(panel)
    return Section(item, tuple(panels[True]), tuple(panels[False]))


def _quantities(item: Endpoint, values: Sequence[Value]) -> list[_Quantity]:
    sd = next((value.error for value in values if not isnan(value.error)), None)
    # The endpoints of a pair are a change themselves: they have the error of one value, no CHG.
    if item.kind is UnitKind.PAIR:
        return [_Quantity("aval", "Change", is_change=True, sd=sd)]
    of_change = None if sd is None else sqrt(2) * sd
    return [
        _Quantity("aval", "Value", is_change=False, sd=None),
        _Quantity("chg", "Change", is_change=True, sd=of_change),
    ]


def _plot(
    about: str,
    item: Endpoint,
    quantity: _Quantity,
    values: Sequence[Value],
    timeline: Timeline,
    *,
    as_lines: bool,
) -> Plot:
    number = attrgetter(quantity.field)
    known = [value for value in values if not isnan(number(value))]
    series = _series(known, number) if as_lines else ()
    spreads = _spreads(known, number, timeline)
    error = None if quantity.sd is None else _TWO_SIDED_95 * quantity.sd
    counted = item.unit == "count"
    low, high = _limits(series, spreads, error, is_change=quantity.is_change)
    low, high = padded(low, high, _COUNT_RANGE if counted else 0.0)
    return Plot(
        title=f"{about}, {quantity.name.lower()}",
        label=f"{quantity.name}, {item.unit}",
        worse=item.worse,
        is_change=quantity.is_change,
        error=error,
        series=series,
        spreads=spreads,
        low=low,
        high=high,
        beyond=sum(not low <= point.y <= high for own in series for point in own.points),
        counted=counted,
    )


def _decimals(item: Endpoint) -> int:
    # The median of an even number of counts may lie between two of them.
    return max(item.precision, 1)


def _lines(
    values: Sequence[Value], visits: Sequence[str], plots: Sequence[Plot]
) -> tuple[VisitLine, ...]:
    found = by_visit(values)
    spreads = [{spread.visit: spread for spread in plot.spreads} for plot in plots]
    return tuple(
        VisitLine(
            visit,
            count(value.status for value in found[visit]),
            tuple(own.get(visit, Spread(visit, 0.0, 0, ())) for own in spreads),
        )
        for visit in visits
        if visit in found
    )


def _spreads(
    known: Sequence[Value], number: Callable[[Value], float], timeline: Timeline
) -> tuple[Spread, ...]:
    passed = by_visit(value for value in known if value.analysed)
    spreads = []
    for tick in timeline.ticks:
        numbers = [number(value) for value in passed.get(tick.visit, ())]
        spreads.append(Spread(tick.visit, tick.x, len(numbers), quantiles(numbers)))
    return tuple(spreads)


def quantiles(numbers: Sequence[float]) -> tuple[float, ...]:
    """Return the quantiles of a :class:`Spread`, interpolated linearly; none of nothing.

    >>> quantiles([3, 1, 2, 5, 4])
    (1.0, 1.2, 2.0, 3.0, 4.0, 4.8, 5.0)
    """
    ordered = sorted(numbers)
    found = []
    for share in _QUANTILES if ordered else ():
        place = share * (len(ordered) - 1)
        below = floor(place)
        above = min(below + 1, len(ordered) - 1)
        found.append(ordered[below] + (place - below) * (ordered[above] - ordered[below]))
    return tuple(map(float, found))


def _series(known: Sequence[Value], number: Callable[[Value], float]) -> tuple[Series, ...]:
    points: dict[str, list[Point]] = {}
    for value in known:
        point = Point(value.x, number(value), value.status)
        points.setdefault(value.subject, []).append(point)
    return tuple(
        Series(subject, tuple(sorted(own, key=lambda point: point.x)))
        for subject, own in points.items()
    )


def _limits(
    series: Sequence[Series], spreads: Sequence[Spread], error: float | None, *, is_change: bool
) -> tuple[float, float]:
    """Return the range that the axis has to show.

    Failed values do not widen it: a registration that went wrong can be off by so much that
    nothing else could be read.
    """
    points = [point for own in series for point in own.points]
    trusted = [point.y for point in points if point.status != QcStatus.FAIL]
    values = trusted or [point.y for point in points]
    if not series:
        values = [spread.quantiles[place] for spread in spreads if spread.n for place in (1, -2)]
    half = error or 0.0
    values += [-half, half] if is_change else []
    return (min(values), max(values)) if values else (0.0, 1.0)
