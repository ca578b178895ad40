"""Strict reader of Heidelberg Spectralis ``.vol`` exports: lines, rings and volumes.

The layout is that of Heidelberg's "Special Function: Exporting Raw Data": a 2048-byte header, the
fundus picture, then for each B-scan a header with the layers and the float32 pixels. Identity
fields (name, birth date, patient and visit ids, dates) are never parsed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smartms_img.io.oct_model import Fundus, OctScan, ScanPattern
from smartms_img.io.oct_refusal import damaged, unknown_pattern
from smartms_img.naming import Eye

HEADER_BYTES = 2048
BSCAN_HEADER_BYTES = 256
INVALID = 3.0e38
MAX_PIXELS = 2**31
PATTERNS = {
    0: ScanPattern.VOLUME,
    1: ScanPattern.LINE,
    2: ScanPattern.RING,
    3: ScanPattern.VOLUME,
    4: ScanPattern.VOLUME,
}
LAYERS = {
    0: "ILM",
    1: "BM",
    2: "RNFL_GCL",
    4: "IPL_INL",
    5: "INL_OPL",
    6: "OPL_ONL",
    8: "ELM",
    14: "EZ",
    16: "RPE",
}


@dataclass(frozen=True)
class _Header:
    version: str
    ascans: int
    n_bscans: int
    rows: int
    ascan_mm: float
    bscan_mm: float
    axial_mm: float
    fundus_shape: tuple[int, int]
    fundus_mm: tuple[float, float]
    laterality: Eye
    pattern: ScanPattern


@dataclass(frozen=True)
class _Bscan:
    position: tuple[float, ...]
    quality: float
    layers: NDArray[np.float32]
    pixels: NDArray[np.float32]
    end: int


def read_vol(path: Path) -> OctScan:
    """Read a ``.vol`` file.

    Raises
    ------
    InputError
        If the file is no ``.vol`` export, is truncated, or holds a pattern other than line, ring
        or volume.
    """
    data = path.read_bytes()
    header = _header(data, path.name)
    rows, columns = header.fundus_shape
    offset = HEADER_BYTES + rows * columns
    fundus = np.frombuffer(data, np.uint8, rows * columns, HEADER_BYTES).reshape(rows, columns)
    bscans = []
    for _ in range(header.n_bscans):
        bscans.append(_bscan(data, offset, header, path.name))
        offset = bscans[-1].end
    return _scan(header, fundus, bscans)


def _header(data: bytes, file: str) -> _Header:
    if not data.startswith(b"HSF-OCT") and not data.startswith(b"ep-v"):
        raise damaged("is no Heidelberg .vol export", file)
    if len(data) < HEADER_BYTES:
        raise damaged("ends inside its header", file)
    ascans, n_bscans, rows = struct.unpack_from("<3I", data, 12)
    ascan_mm, bscan_mm, axial_mm = struct.unpack_from("<3d", data, 24)
    width, height = struct.unpack_from("<2I", data, 48)
    column_mm, row_mm = struct.unpack_from("<2d", data, 56)
    sizes_possible = ascans * n_bscans * rows > 0 and ascans * n_bscans * rows < MAX_PIXELS
    if not sizes_possible or not (0 < axial_mm < 0.1 and 0 < ascan_mm < 1):
        raise damaged("has impossible sizes or scales in its header", file)
    if HEADER_BYTES + width * height + ascans * n_bscans * rows * 4 > len(data):
        raise damaged("is truncated", file)
    pattern = PATTERNS.get(struct.unpack_from("<I", data, 96)[0])
    if pattern is None:
        raise unknown_pattern(file)
    return _Header(
        version=_text(data[:12]),
        ascans=ascans,
        n_bscans=n_bscans,
        rows=rows,
        ascan_mm=ascan_mm,
        bscan_mm=bscan_mm,
        axial_mm=axial_mm,
        fundus_shape=(height, width),
        fundus_mm=(row_mm, column_mm),
        laterality=_laterality(data[84:88], file),
        pattern=ScanPattern.LINE if pattern is ScanPattern.VOLUME and n_bscans == 1 else pattern,
    )


def _bscan(data: bytes, offset: int, header: _Header, file: str) -> _Bscan:
    if offset + BSCAN_HEADER_BYTES > len(data):
        raise damaged("is truncated", file)
    size, *position, n_layers, layer_offset = struct.unpack_from("<I4d2I", data, offset + 12)
    (quality,) = struct.unpack_from("<f", data, offset + 56)
    n_pixels = header.rows * header.ascans
    layers_end = layer_offset + 4 * n_layers * header.ascans
    end = offset + size + 4 * n_pixels
    if layers_end > size or layer_offset < BSCAN_HEADER_BYTES or end > len(data):
        raise damaged("is truncated or damaged in a B-scan header", file)
    layers = np.frombuffer(data, "<f4", n_layers * header.ascans, offset + layer_offset)
    pixels = np.frombuffer(data, "<f4", n_pixels, offset + size)
    return _Bscan(
        tuple(position),
        quality,
        layers.reshape(n_layers, header.ascans),
        pixels.reshape(header.rows, header.ascans),
        end,
    )


def _scan(header: _Header, fundus: NDArray[np.uint8], bscans: list[_Bscan]) -> OctScan:
    positions = np.array([bscan.position for bscan in bscans], dtype=np.float64)
    qualities = [b.quality for b in bscans if np.isfinite(b.quality) and abs(b.quality) < INVALID]
    ring = header.pattern is ScanPattern.RING
    radius = float(np.hypot(*(positions[0, :2] - positions[0, 2:]))) if ring else 0.0
    volume = header.pattern is ScanPattern.VOLUME
    return OctScan(
        pattern=header.pattern,
        laterality=header.laterality,
        bscans=np.stack([_display(bscan.pixels) for bscan in bscans]),
        axial_um=header.axial_mm * 1000,
        ascan_um=header.ascan_mm * 1000,
        bscan_um=_bscan_distance_um(header, positions) if volume else None,
        ring_diameter_mm=2 * radius if radius > 0 else None,
        positions_mm=positions if np.ptp(positions) > 0 else None,
        fundus=Fundus(fundus.copy(), header.fundus_mm) if fundus.size else None,
        device="Heidelberg Spectralis",
        software=header.version,
        quality_db=float(np.mean(qualities)) if qualities else None,
        device_layers=_layers(bscans, header.rows),
    )


def _bscan_distance_um(header: _Header, positions: NDArray[np.float64]) -> float:
    if header.bscan_mm > 0:
        return header.bscan_mm * 1000
    return float(np.hypot(*(positions[1, :2] - positions[0, :2]))) * 1000


def _display(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fourth root, as the device displays its linear intensities; invalid pixels become 0.

    Other writers of the format store 8-bit grey values, which are display intensities already.
    """
    valid = np.isfinite(pixels) & (pixels >= 0) & (pixels < INVALID)
    linear = np.where(valid, pixels, 0)
    display = linear / 255 if linear.max() > 1 else linear**0.25
    return np.clip(display, 0, 1).astype(np.float32)


def _layers(bscans: list[_Bscan], rows: int) -> dict[str, NDArray[np.float64]]:
    layers = {}
    for index, name in LAYERS.items():
        curve = np.stack([_curve(bscan, index, rows) for bscan in bscans])
        if np.isfinite(curve).any():
            layers[name] = curve
    return layers


def _curve(bscan: _Bscan, index: int, rows: int) -> NDArray[np.float64]:
    """One boundary, NaN where the device gave no row inside the picture."""
    if index >= len(bscan.layers):
        return np.full(bscan.pixels.shape[1], np.nan)
    stored = bscan.layers[index]
    inside = (stored > 0) & (stored < rows)
    return np.where(inside, stored, np.float32(np.nan)).astype(np.float64)


def _laterality(field: bytes, file: str) -> Eye:
    try:
        return Eye(_text(field))
    except ValueError:
        raise damaged("does not say which eye it shows", file) from None


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode("ascii", errors="replace").strip()
