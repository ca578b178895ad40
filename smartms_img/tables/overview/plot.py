"""Inline SVG of the overview: the same plot is always the same text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from smartms_img.catalogue import Worse
from smartms_img.naming import QcStatus
from smartms_img.tables.overview.axes import Scale, padded, px, round_ticks
from smartms_img.tables.overview.counts import Counts
from smartms_img.tables.overview.panels import Plot, Point, Series, Spread
from smartms_img.tables.overview.timeline import Timeline

WIDTH, HEIGHT = 470, 250
LEFT, RIGHT, TOP, BOTTOM = 56, 456, 26, 206
BAR_WIDTH, BAR_HEIGHT = 72, 9
_CHARACTER_PX = 6.2
_SIGNS = {Worse.DECREASE: "worse \u25bc", Worse.INCREASE: "worse \u25b2", Worse.NEITHER: ""}


@dataclass(frozen=True)
class Frame:
    """Scales of a plot."""

    x: Scale
    y: Scale

    def at(self, x: float, y: float) -> str:
        """Return the pixels of a point as SVG writes them."""
        return f"{px(self.x(x))},{px(self.y(y))}"


def draw_plot(plot: Plot, timeline: Timeline) -> str:
    """Return a plot as SVG.

    Lines join the values of a subject that did not fail; failed ones are hollow. Where there are
    too many subjects, bands show the middle 90 and 50 per cent of the passed values.
    """
    x = Scale(*padded(timeline.low, timeline.high), LEFT, RIGHT)
    frame = Frame(x, Scale(plot.low, plot.high, BOTTOM, TOP))
    known = [spread for spread in plot.spreads if spread.n]
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(plot.title)}</title>",
        f"<desc>{escape(_describe(plot, known))}</desc>",
        *_error(plot, frame),
        *_value_axis(plot, frame),
        *_time_axis(timeline, frame),
        *([_subject(own, frame) for own in plot.series] or _bands(known, frame)),
        *_zero(plot, frame),
        *_median(known, frame),
        "</svg>",
    ]
    return "".join(parts)


def draw_bar(name: str, counts: Counts) -> str:
    """Return counts as a stacked bar: passed, failed, pending, missing."""
    parts = [
        f'<svg class="bar" viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" role="img">',
        f"<title>{escape(name)}</title><desc>{counts.words}</desc>",
    ]
    start = 0
    numbers = (counts.passed, counts.failed, counts.pending, counts.missing)
    for css, number in zip(("pass", "fail", "pending", "missing"), numbers, strict=True):
        left, right = (BAR_WIDTH * edge / counts.total for edge in (start, start + number))
        if number:
            box = f'x="{px(left)}" width="{px(right - left)}" height="{BAR_HEIGHT}"'
            parts.append(f'<rect class="{css}" {box}/>')
        start += number
    return "".join([*parts, "</svg>"])


def _describe(plot: Plot, known: Sequence[Spread]) -> str:
    medians = ", ".join(
        f"{spread.visit} {spread.quantiles[3]:.6g} (n {spread.n})" for spread in known
    )
    text = f"{plot.label}; median of passed values: {medians or 'none'}"
    if plot.error is not None:
        text += f"; error of measurement {plot.error:.3g} on either side of zero"
    return text


def _error(plot: Plot, frame: Frame) -> list[str]:
    if plot.error is None:
        return []
    top, bottom = frame.y(plot.error), frame.y(-plot.error)
    box = f'x="{LEFT}" y="{px(top)}" width="{RIGHT - LEFT}" height="{px(bottom - top)}"'
    return [f'<rect class="error" {box}/>']


def _value_axis(plot: Plot, frame: Frame) -> list[str]:
    parts = []
    # Nothing counted lies between two whole numbers.
    step = 1.0 if plot.counted else 0.0
    for value, text in round_ticks(frame.y.low, frame.y.high, step=step):
        y = px(frame.y(value))
        parts.append(f'<path class="grid" d="M{LEFT},{y}H{RIGHT}"/>')
        parts.append(f'<text class="y" x="{LEFT - 6}" y="{y}" dy=".35em">{text}</text>')
    parts.append(f'<text x="{LEFT}" y="14">{escape(plot.label)}</text>')
    if sign := _SIGNS[plot.worse]:
        parts.append(f'<text class="y" x="{RIGHT}" y="14">{sign}</text>')
    return parts


def _zero(plot: Plot, frame: Frame) -> list[str]:
    if not plot.is_change:
        return []
    return [f'<path class="zero" d="M{LEFT},{px(frame.y(0))}H{RIGHT}"/>']


def _time_axis(timeline: Timeline, frame: Frame) -> list[str]:
    """Draw a line for each visit, and its name and day where there is room."""
    parts = []
    free_from = 0.0
    for tick in timeline.ticks:
        x = frame.x(tick.x)
        parts.append(f'<path class="grid" d="M{px(x)},{TOP}V{BOTTOM}"/>')
        day = f"day {tick.x:.0f}" if timeline.in_days else f"{tick.x:g}"
        half = max(len(tick.visit), len(day)) * _CHARACTER_PX / 2
        middle = min(max(x, half), WIDTH - half)
        if middle - half < free_from:
            continue
        free_from = middle + half + _CHARACTER_PX
        parts.append(f'<text class="x" x="{px(middle)}" y="{BOTTOM + 18}">')
        parts.append(
            f'{escape(tick.visit)}<tspan x="{px(middle)}" dy="1.25em">{day}</tspan></text>'
        )
    return parts


def _subject(own: Series, frame: Frame) -> str:
    marks: dict[str, list[Point]] = {}
    for point in own.points:
        marks.setdefault(point.status, []).append(point)
    joined = [point for point in own.points if point.status != QcStatus.FAIL]
    parts = [f"<g><title>{escape(own.subject)}</title>"]
    if len(joined) > 1:
        line = " ".join(frame.at(point.x, point.y) for point in joined)
        parts.append(f'<polyline points="{line}"/>')
    for status, css in ((QcStatus.PASS, "dot"), (QcStatus.PENDING, "square")):
        if status in marks:
            places = (frame.at(point.x, point.y) for point in marks[status])
            parts.append(_dots(css, places))
    for point in marks.get(QcStatus.FAIL, []):
        x, y = px(frame.x(point.x)), px(frame.y(point.y))
        parts.append(f'<circle cx="{x}" cy="{y}" r="3"/>')
    return "".join([*parts, "</g>"])


def _dots(css: str, places: Iterable[str]) -> str:
    """Draw dots as strokes without a length, which their round or square caps make visible."""
    return f'<path class="{css}" d="{"".join(f"M{place}h0" for place in places)}"/>'


def _bands(known: Sequence[Spread], frame: Frame) -> list[str]:
    parts = []
    for css, low, high in (("wide", 1, -2), ("narrow", 2, -3)):
        upper = [frame.at(spread.x, spread.quantiles[high]) for spread in known]
        lower = [frame.at(spread.x, spread.quantiles[low]) for spread in known]
        if len(known) > 1:
            outline = " ".join([*upper, *reversed(lower)])
            parts.append(f'<polygon class="{css}" points="{outline}"/>')
        else:
            # A band of a single visit would have no width.
            bars = "".join(f"M{a}L{b}" for a, b in zip(lower, upper, strict=True))
            parts.append(f'<path class="{css}" d="{bars}"/>')
    return parts


def _median(known: Sequence[Spread], frame: Frame) -> list[str]:
    places = [frame.at(spread.x, spread.quantiles[3]) for spread in known]
    if not places:
        return []
    line = [f'<polyline class="median" points="{" ".join(places)}"/>'] if len(places) > 1 else []
    return [*line, _dots("middle", places)]
