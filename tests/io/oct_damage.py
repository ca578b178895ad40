"""Damaged copies of an export, and what a reader may make of them."""

import pickle
import tracemalloc

import numpy as np

from smartms_img.errors import InputError
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_model import OctScan

CANARY = b"CANARYPATIENT0042"
MOST_BYTES = 200 * 2**20


def damaged_copies(whole, first=4, flipped=200):
    """Yield the file cut at many lengths, then with random bytes changed, alike in every run."""
    for length in np.unique(np.linspace(0, len(whole) - 1, 60).astype(int)):
        yield whole[:length]
    rng = np.random.default_rng(0)
    for _ in range(flipped):
        copy = bytearray(whole)
        for position in rng.integers(first, len(copy), rng.integers(1, 12)):
            copy[position] = int(rng.integers(256))
        yield bytes(copy)


def assert_read_or_refused(path, copies):
    """Every copy is a valid scan or one line, without names, and in little memory."""
    tracemalloc.start()
    try:
        for copy in copies:
            path.write_bytes(copy)
            assert_one_line_or_scan(path)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def assert_one_line_or_scan(path):
    try:
        scan = read_oct(path)
    except InputError as refused:
        assert "\n" not in str(refused)
        assert "CANARY" not in str(refused)
    else:
        assert isinstance(scan, OctScan)
        assert np.isfinite(scan.bscans).all()
        assert 0 <= scan.bscans.min() <= scan.bscans.max() <= 1
        assert 0 < scan.axial_um < 100
        assert scan.ascan_um > 0


def assert_without_names(scan):
    """No field, array or string of a scan holds a planted name."""
    assert CANARY not in pickle.dumps(scan)
    assert "CANARY" not in repr(scan)
