"""Strict reader of Heidelberg Spectralis XML exports: lines, rings and volumes.

An export is an XML file and one TIFF or PNG a B-scan beside it. Identity fields (names, birth
date, ids, dates) are never parsed, nor the folders that the pictures lay in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from smartms_img.errors import InputError
from smartms_img.io.oct_model import Fundus, OctScan, ScanPattern
from smartms_img.io.oct_picture import grey_picture
from smartms_img.io.oct_refusal import damaged, unknown_pattern
from smartms_img.naming import Eye

MAX_BYTES = 2**28
MAX_PIXELS = 2**31
EYES = {"R": Eye.OD, "L": Eye.OS}
LAYERS = {
    "ILM": "ILM",
    "RNFL": "RNFL_GCL",
    "IPL": "IPL_INL",
    "INL": "INL_OPL",
    "OPL": "OPL_ONL",
    "ELM": "ELM",
    "PR1": "EZ",
    "RPE": "RPE",
    "BM": "BM",
}
# A circle or a line is as long as its A-scans together, but for rounding of the positions.
LENGTH_TOLERANCE = 0.05
PARALLEL_TOLERANCE_MM = 0.05


@dataclass(frozen=True)
class _Bscan:
    picture: str
    shape: tuple[int, int]
    scale_mm: tuple[float, float]
    position_mm: tuple[float, float, float, float]
    quality: float | None
    frames: int | None
    layers: dict[str, NDArray[np.float64]]


def read_xml(path: Path) -> OctScan:
    """Read a Heidelberg XML export.

    Raises
    ------
    InputError
        If the file is no such export, a picture is missing or of another size, the eye is not
        said, or the B-scans form neither a line, a ring nor a volume.
    """
    body = _body(path)
    nodes = [node for node in body.iter("Image") if _text(node, "ImageType/Type") == "OCT"]
    if not nodes:
        raise damaged("holds no OCT image", path.name)
    bscans = [_bscan(node, path.name) for node in nodes]
    first = bscans[0]
    if any((b.shape, b.scale_mm) != (first.shape, first.scale_mm) for b in bscans):
        raise InputError("B-scans differ in size or scale", "Keep one size", file=path.name)
    if len(bscans) * math.prod(first.shape) > MAX_PIXELS:
        raise damaged("has impossible sizes", path.name)
    positions = np.array([bscan.position_mm for bscan in bscans])
    ascan_mm, axial_mm = first.scale_mm
    pattern = _pattern(positions, first.shape[1] * ascan_mm, path.name)
    radius_mm = float(np.hypot(*(positions[0, :2] - positions[0, 2:])))
    qualities = [bscan.quality for bscan in bscans if bscan.quality is not None]
    return OctScan(
        pattern=pattern,
        laterality=_eye(body, path.name),
        bscans=np.stack([_pixels(path.with_name(b.picture), b.shape) for b in bscans]),
        axial_um=axial_mm * 1000,
        ascan_um=ascan_mm * 1000,
        bscan_um=_distance_um(positions) if pattern is ScanPattern.VOLUME else None,
        ring_diameter_mm=2 * radius_mm if pattern is ScanPattern.RING else None,
        positions_mm=positions,
        fundus=_fundus(body, path),
        device="Heidelberg Spectralis",
        software=_text(body, "SWVersion/Version"),
        quality_db=float(np.mean(qualities)) if qualities else None,
        frames_averaged=first.frames,
        device_layers=_layers(bscans),
    )


def _body(path: Path) -> etree._Element:
    if path.stat().st_size > MAX_BYTES:
        raise damaged("is too large for an export", path.name)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(path.read_bytes(), parser)
    except (etree.XMLSyntaxError, ValueError):
        raise damaged("is no readable XML", path.name) from None
    body = root.find("BODY")
    if root.tag != "HEDX" or body is None:
        raise damaged("is no Heidelberg XML export", path.name)
    return body


def _bscan(node: etree._Element, file: str) -> _Bscan:
    context = "OphthalmicAcquisitionContext"
    try:
        shape = tuple(int(_text(node, f"{context}/{side}")) for side in ("Height", "Width"))
        scale = tuple(float(_text(node, f"{context}/Scale{axis}")) for axis in "XY")
        position = tuple(
            float(_text(node, f"{context}/{end}/Coord/{axis}"))
            for end in ("Start", "End")
            for axis in "XY"
        )
        layers = {
            LAYERS[name]: _curve(line, shape[0])
            for line in node.iter("SegLine")
            if (name := _text(line, "Name")) in LAYERS
        }
        quality = _text(node, f"{context}/ImageQuality")
        frames = _text(node, f"{context}/NumAve")
        picture = PureWindowsPath(_text(node, "ImageData/ExamURL")).name
        bscan = _Bscan(
            picture,
            (shape[0], shape[1]),
            (scale[0], scale[1]),
            (position[0], position[1], position[2], position[3]),
            float(quality) if quality else None,
            int(frames) if frames else None,
            layers,
        )
    except ValueError:
        raise damaged("lacks a number of a B-scan", file) from None
    possible = (
        min(bscan.shape) > 0
        and 0 < bscan.scale_mm[0] < 1
        and 0 < bscan.scale_mm[1] < 0.1
        and all(map(math.isfinite, bscan.position_mm))
        and all(len(curve) == bscan.shape[1] for curve in layers.values())
    )
    if not possible or not picture:
        raise damaged("has impossible sizes, scales or boundaries in a B-scan", file)
    return bscan


def _curve(line: etree._Element, rows: int) -> NDArray[np.float64]:
    """One boundary, NaN where the device gave no row inside the picture."""
    stored = np.array(_text(line, "Array").split(), dtype=np.float64)
    return np.where((stored > 0) & (stored < rows), stored, np.nan)


def _pattern(positions: NDArray[np.float64], length_mm: float, file: str) -> ScanPattern:
    """Tell line, ring and volume by geometry; the export's words for them differ by version."""
    way_mm = positions[:, 2:] - positions[:, :2]
    if len(positions) == 1:
        share = float(np.hypot(*way_mm[0])) / length_mm
        if abs(share - 1) < LENGTH_TOLERANCE:
            return ScanPattern.LINE
        if abs(2 * np.pi * share - 1) < LENGTH_TOLERANCE:
            return ScanPattern.RING
    else:
        parallel = np.abs(way_mm - way_mm[0]).max() < PARALLEL_TOLERANCE_MM
        apart_mm = np.hypot(*np.diff(positions[:, :2], axis=0).T)
        if parallel and apart_mm.min() > 0:
            return ScanPattern.VOLUME
    raise unknown_pattern(file)


def _distance_um(positions: NDArray[np.float64]) -> float:
    """Median distance of neighbours, so that a missing B-scan does not change it."""
    apart_mm = np.hypot(*np.diff(positions[:, :2], axis=0).T)
    return float(np.median(apart_mm)) * 1000


def _layers(bscans: list[_Bscan]) -> dict[str, NDArray[np.float64]]:
    unknown = np.full(bscans[0].shape[1], np.nan)
    named = [name for name in LAYERS.values() if any(name in bscan.layers for bscan in bscans)]
    curves = {
        name: np.stack([bscan.layers.get(name, unknown) for bscan in bscans]) for name in named
    }
    return {name: curve for name, curve in curves.items() if np.isfinite(curve).any()}


def _fundus(body: etree._Element, path: Path) -> Fundus | None:
    for node in body.iter("Image"):
        if _text(node, "ImageType/Type") != "LOCALIZER":
            continue
        picture = path.with_name(PureWindowsPath(_text(node, "ImageData/ExamURL")).name)
        if not picture.is_file():
            return None
        context = "OphthalmicAcquisitionContext"
        try:
            row_mm, column_mm = (float(_text(node, f"{context}/Scale{axis}")) for axis in "YX")
        except ValueError:
            raise damaged("lacks the scale of the fundus picture", path.name) from None
        return Fundus(grey_picture(picture).astype(np.uint8), (row_mm, column_mm))
    return None


def _pixels(picture: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    if not picture.is_file():
        remedy = "Lay the pictures of the export beside it"
        raise InputError("picture of a B-scan is missing", remedy, file=picture.name)
    grey = grey_picture(picture)
    if grey.shape != shape:
        problem = f"is {grey.shape} px, the export says {shape}"
        raise InputError(problem, "Export the scan again", file=picture.name)
    return (grey / 255.0).astype(np.float32)


def _eye(body: etree._Element, file: str) -> Eye:
    named = {_text(node, ".") for node in body.iter("Laterality")}
    if len(named) != 1 or not named <= EYES.keys():
        raise damaged("does not say which one eye it shows", file)
    return EYES[named.pop()]


def _text(node: etree._Element, path: str) -> str:
    return (node.findtext(path) if path != "." else node.text or "") or ""
