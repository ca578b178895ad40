from __future__ import annotations

import re

import lxml.html
import numpy as np
import pandas as pd
import pytest
from write_all import write_all

from smartms_img.config import PairConfig, StudyConfig, study_digest
from smartms_img.io.results import read_results
from smartms_img.qc.decisions import automatic
from smartms_img.tables import assemble, gather_evidence
from smartms_img.tables.overview import OVERVIEW_FILE, overview_html
from smartms_img.tables.overview.panels import MOST_LINES, quantiles


@pytest.fixture
def frame(out, config) -> pd.DataFrame:
    return frame_of(out, config)


def frame_of(out, config: StudyConfig) -> pd.DataFrame:
    results = read_results(out, config)
    return assemble(gather_evidence(results, automatic(results)), config)


def page_of(frame: pd.DataFrame, config: StudyConfig) -> lxml.html.HtmlElement:
    return lxml.html.fromstring(overview_html(frame, config))


def copies(frame: pd.DataFrame, subjects: int) -> pd.DataFrame:
    """Return the first subject many times, its values spread evenly from -1 to 1 per cent."""
    own = frame[frame.USUBJID == "TRIAL-01"]
    factors = np.linspace(0.99, 1.01, subjects)
    parts = [
        own.assign(USUBJID=f"TRIAL-{number:04d}", AVAL=own.AVAL * factor)
        for number, factor in enumerate(factors)
    ]
    return pd.concat(parts, ignore_index=True)


def plots(page, code: str) -> list[lxml.html.HtmlElement]:
    """Return the plots of an endpoint that stand in the open."""
    return page.xpath(f"//section[@id='{code}']/div//svg[@class='plot']")


def cells(page, code: str, place: str = "") -> list[str]:
    """Return the completeness of an endpoint as it is printed."""
    rows = page.xpath("//table[@class='matrix']/tbody/tr")
    named = [row for row in rows if row.find("th").text_content() == f"{code} {place}"]
    assert len(named) == 1
    for bar in named[0].xpath(".//svg"):
        bar.drop_tree()
    return [cell.text_content().strip() for cell in named[0].findall("td")]


def axis(plot) -> tuple[float, float]:
    """Return slope and intercept from pixel to value, by the texts of the value axis."""
    texts = [t for t in plot.xpath("text[@class='y']") if re.fullmatch(r"[-0-9.]+", t.text)]
    pixels, values = zip(*[(float(t.get("y")), float(t.text)) for t in texts], strict=True)
    slope, intercept = np.polyfit(pixels, values, 1)
    return float(slope), float(intercept)


def line_of(plot, subject: str) -> list[tuple[float, float]]:
    """Return the pixels of a subject's line."""
    points = plot.xpath(f"g[title='{subject}']/polyline")[0].get("points")
    return [tuple(float(n) for n in point.split(",")) for point in points.split()]


def test_completeness_is_counted_by_subject(frame, config):
    page = page_of(frame, config)
    # Baseline: 02 fails its signal check. Month 6: both pass. Month 12: nobody came.
    assert cells(page, "BPV") == ["1 / 1 / 0 / 0", "2 / 0 / 0 / 0", "0 / 0 / 0 / 2"]
    # One pair was measured, and it failed the check of new lesions alone.
    assert cells(page, "NEWLN") == ["\N{EN DASH}", "0 / 1 / 0 / 1", "0 / 0 / 0 / 2"]
    assert cells(page, "PBVC") == ["\N{EN DASH}", "1 / 0 / 0 / 1", "0 / 0 / 0 / 2"]
    # 01 alone has OCT, at baseline; its left eye failed.
    assert cells(page, "RNFL", "G OD") == ["1 / 0 / 0 / 1", "0 / 0 / 0 / 2", "0 / 0 / 0 / 2"]
    assert cells(page, "RNFL", "G OS") == ["0 / 1 / 0 / 1", "0 / 0 / 0 / 2", "0 / 0 / 0 / 2"]


def test_planned_rows_are_those_of_the_table(frame, config, table):
    page = page_of(frame, config)
    rows = page.xpath("//h2[@id='rows']/following-sibling::table[1]/tbody/tr")
    everything = [cell.text_content() for cell in rows[0]]
    valued, passed = (table.AVAL != "").sum(), (table.ANL01FL == "Y").sum()
    assert everything[:3] == ["All", str(len(table)), str(valued)]
    assert everything[4] == str(passed)
    assert everything[3] == f"{100 * valued / len(table):.1f} %"
    # 25 rows of MRI at each of three visits, for two subjects.
    assert [cell.text_content() for cell in rows[1]][:2] == ["MRI", "150"]


def test_bars_have_the_widths_of_the_counts(frame, config):
    bars = page_of(frame, config).xpath("//svg[@class='bar'][title='BPV Baseline']")
    assert [rect.get("class") for rect in bars[0].xpath("rect")] == ["pass", "fail"]
    assert [rect.get("width") for rect in bars[0].xpath("rect")] == ["36", "36"]
    assert bars[0].find("desc").text == "1 passed, 1 failed, 0 pending, 0 missing"


def test_line_lies_where_the_axes_say(frame, config):
    value, _ = plots(page_of(frame, config), "BPV")
    slope, intercept = axis(value)
    line = line_of(value, "TRIAL-01")
    # A tenth of a pixel is what coordinates are rounded to.
    found = [slope * y + intercept for _, y in line]
    assert found == pytest.approx([1200.1234, 1194.5], abs=0.11 * abs(slope))
    # 01 came on days 1 and 204, 02 on 1 and 183: the month 6 stands at the median, 193.5.
    ticks = value.xpath("path[@class='grid' and contains(@d, 'V')]")
    baseline, month6 = (float(re.match(r"M([0-9.]+),", t.get("d"))[1]) for t in ticks)
    px_per_day = (month6 - baseline) / 192.5
    assert line[0][0] == pytest.approx(baseline, abs=0.11)
    assert line[1][0] == pytest.approx(baseline + 203 * px_per_day, abs=0.3)
    assert [t.text for t in value.xpath("text[@class='x']")] == ["Baseline", "Month 6"]


def test_change_is_plotted_about_zero(frame, config):
    _, change = plots(page_of(frame, config), "BPV")
    slope, intercept = axis(change)
    zero = float(re.search(r",([0-9.]+)H", change.xpath("path[@class='zero']")[0].get("d"))[1])
    assert slope * zero + intercept == pytest.approx(0, abs=0.11 * abs(slope))
    # 02 has no change, for its baseline failed.
    dots = change.xpath("g/path[@class='dot']")
    y = float(re.fullmatch(r"M[0-9.]+,([0-9.]+)h0", dots[0].get("d"))[1])
    assert [g.find("title").text for g in change.xpath("g")] == ["TRIAL-01"]
    assert slope * y + intercept == pytest.approx(1194.5 - 1200.123, abs=0.11 * abs(slope))


def test_failed_value_is_hollow_and_not_joined(frame, config):
    value, _ = plots(page_of(frame, config), "BPV")
    (failed,) = value.xpath("g[title='TRIAL-02']")
    assert [item.tag for item in failed] == ["title", "path", "circle"]
    assert failed.find("path").get("class") == "dot"
    assert failed.find("path").get("d").count("M") == 1


def test_failed_value_does_not_widen_the_axis(frame, config):
    far = (frame.USUBJID == "TRIAL-02") & (frame.AVISIT == "Baseline") & (frame.PARAMCD == "BPV")
    frame.loc[far, "AVAL"] = 9e6
    page = page_of(frame, config)
    value, _ = plots(page, "BPV")
    assert (
        max(float(t.text) for t in value.xpath("text[@class='y']") if t.text[0].isdigit()) < 1300
    )
    assert value.xpath("g/circle")[0].get("cy") == "26"
    assert "1 failed beyond the axis" in page.xpath("//section[@id='BPV']")[0].text_content()


def test_pending_value_is_a_square(out, config):
    (out / "sub-02/ses-M06/anat/sub-02_ses-M06_desc-qc.json").unlink()
    value, _ = plots(page_of(frame_of(out, config), config), "BPV")
    assert len(value.xpath("g[title='TRIAL-02']/path[@class='square']")) == 1


@pytest.mark.parametrize(
    ("code", "place", "half"),
    [("PBVC", 0, 1.96 * 0.4), ("BPV", 1, 1.96 * np.sqrt(2) * 3.0)],
)
def test_error_of_measurement_is_shaded(frame, config, code, place, half):
    frame.loc[frame.PARAMCD == "BPV", "AVALERR"] = 3.0
    frame.loc[frame.PARAMCD == "PBVC", "AVALERR"] = 0.4
    plot = plots(page_of(frame, config), code)[place]
    slope, intercept = axis(plot)
    (box,) = plot.xpath("rect[@class='error']")
    top, height = float(box.get("y")), float(box.get("height"))
    assert slope * top + intercept == pytest.approx(half, abs=0.11 * abs(slope))
    assert -slope * height == pytest.approx(2 * half, abs=0.11 * abs(slope))


def test_endpoint_of_a_pair_has_one_plot_and_no_error_where_none_is_known(frame, config):
    page = page_of(frame, config)
    assert len(plots(page, "PBVC")) == 1
    assert not page.xpath("//section[@id='BPV']//rect[@class='error']")
    worse = [plots(page, code)[0].xpath("text[@class='y']")[-1].text for code in ("PBVC", "NEWLN")]
    assert worse == [
        "worse \N{BLACK DOWN-POINTING TRIANGLE}",
        "worse \N{BLACK UP-POINTING TRIANGLE}",
    ]


def test_numbers_by_visit_are_of_passed_values(frame, config):
    section = page_of(frame, config).xpath("//section[@id='BPV']")[0]
    rows = [[cell.text_content() for cell in row] for row in section.xpath(".//tbody/tr")]
    only = ["1200.123"] * 5
    assert rows[0] == ["Baseline", "1", "1", "0", "0", "1", *only, "0", ""]
    # 990 and 1194.5: quartiles are 990 + 204.5 / 4 and 990 + 3 * 204.5 / 4.
    month6 = ["990.000", "1041.125", "1092.250", "1143.375", "1194.500"]
    assert rows[1] == ["Month 6", "2", "0", "0", "0", "2", *month6, "1", *["-5.623"] * 5]


def test_quantiles_are_those_of_numpy():
    values = np.random.default_rng(1).normal(size=37)
    expected = np.quantile(values, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
    assert quantiles(values.tolist()) == pytest.approx(expected)


def test_other_locations_are_folded_away(frame, config):
    page = page_of(frame, config)
    open_places = page.xpath("//section[@id='RNFL']/div[@class='panel']/h4")
    assert [h.text for h in open_places] == [
        "G global, the whole ring; OD right eye",
        "G global, the whole ring; OS left eye",
        "G global, the whole ring; BOTH mean of both eyes",
    ]
    assert len(page.xpath("//section[@id='RNFL']/details/div[@class='panel']")) == 14


def test_above_the_limit_bands_take_the_place_of_lines(frame, config):
    page = page_of(copies(frame, MOST_LINES), config)
    value, _ = plots(page, "BPV")
    assert len(value.xpath("g/polyline")) == MOST_LINES
    assert not value.xpath("polygon")
    crowd = page_of(copies(frame, MOST_LINES + 1), config)
    value, _ = plots(crowd, "BPV")
    assert not crowd.xpath("//svg[@class='plot']/g")
    assert [p.get("class") for p in value.xpath("polygon")] == ["wide", "narrow"]
    slope, intercept = axis(value)
    corners = [p.split(",") for p in value.xpath("polygon")[0].get("points").split()]
    # 61 factors from 0.99 to 1.01 in steps of 1/3000: 95 % is the 57th of steps 0 to 60.
    expected = 1200.1234 * (0.99 + 57 / 3000)
    assert slope * float(corners[0][1]) + intercept == pytest.approx(expected, abs=0.2)


def test_size_does_not_grow_with_the_number_of_subjects(frame, config):
    sizes = [len(overview_html(copies(frame, count), config)) for count in (100, 400)]
    assert sizes[1] < 1.05 * sizes[0]


def test_extra_pairs_are_named_apart_and_not_plotted(out, config):
    pair = PairConfig(reference="M06", follow="M12")
    extra = config.model_copy(update={"extra_pairs": (pair,)})
    page = page_of(frame_of(out, extra), extra)
    title = "MRI change since Month 6"
    (group,) = page.xpath(f"//h3[text()='{title}']/following-sibling::table")
    assert len(group.xpath("tbody/tr")) == 17
    lines = page.xpath("//section[@id='PBVC']//tbody/tr/th/text()")
    assert lines == ["Month 6", "Month 12"]


def test_rows_of_an_extra_baseline_are_counted_and_not_plotted(out, config):
    extra = config.model_copy(update={"extra_baselines": ("M06",)})
    frame = frame_of(out, extra)
    page, usual = page_of(frame, extra), page_of(frame_of(out, config), config)
    (group,) = page.xpath("//h3[text()='MRI since Month 6']/following-sibling::table")
    counted = [cell.text_content().strip() for cell in group.xpath("tbody/tr[th='BPV ']/td")]
    assert counted[0] == "\N{EN DASH}"
    assert counted[1].endswith("2 / 0 / 0 / 0") and counted[2].endswith("0 / 0 / 0 / 2")
    for code in ("BPV", "RNFL", "PBVC"):
        sections = [one.xpath(f"//section[@id='{code}']")[0] for one in (page, usual)]
        assert sections[0].text_content() == sections[1].text_content()


def test_axis_is_avisitn_where_days_are_unknown(frame, config):
    frame["ADY"] = pd.array([pd.NA] * len(frame), dtype="Int64")
    value, _ = plots(page_of(frame, config), "BPV")
    labels = [text.text_content() for text in value.xpath("text[@class='x']")]
    assert labels == ["Baseline0", "Month 66", "Month 1212"]


def test_page_is_written_with_the_tables_and_twice_the_same(out, config):
    first = (write_all(out, config) / OVERVIEW_FILE).read_bytes()
    assert (write_all(out, config) / OVERVIEW_FILE).read_bytes() == first
    assert study_digest(config).encode() in first


def test_page_needs_no_network_and_knows_no_arm(frame, config):
    text = overview_html(frame.assign(ARM="verum", ACTARM="verum"), config)
    page = lxml.html.fromstring(text)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", re.sub(r"(?m)^ *// .*", "", text))
    assert not page.xpath("//*[@src]") and not page.xpath("//link")
    assert not re.search(r"(?i)\b(verum|arm|actarm|treatment|placebo|sequence)\b", text)
    links = {link[1:] for link in page.xpath("//a/@href")}
    ids = page.xpath("//@id")
    assert links <= set(ids)
    assert len(ids) == len(set(ids))


def test_every_drawing_has_a_title_and_a_description(frame, config):
    for drawing in page_of(frame, config).xpath("//svg"):
        assert [child.tag for child in drawing[:2]] == ["title", "desc"]
        assert drawing[0].text and drawing[1].text


def test_names_are_escaped(frame, config):
    visits = [visit.model_copy(update={"name": f"<{visit.name}>"}) for visit in config.visits]
    odd = config.model_copy(update={"visits": tuple(visits)})
    named = frame.assign(AVISIT="<" + frame.AVISIT + ">", BASETYPE="<" + frame.BASETYPE + ">")
    page = page_of(named, odd)
    assert plots(page, "BPV")[0].xpath("text[@class='x']")[0].text == "<Baseline>"


def test_study_without_subjects_has_a_page(frame, config):
    page = page_of(frame.iloc[:0], config)
    assert "0 subjects" in page.text_content()
    assert not page.xpath("//section")
