"""The scanner's scaling is taken out of the way to either visit, not doubled."""

import numpy as np
import pytest

from smartms_img.errors import InputError
from smartms_img.interfaces.pair_nodes import HalfwaySpace, _without_scale
from smartms_img.io.nifti import save_image
from smartms_img.mri.geometry import resample
from smartms_img.volume import Volume

SHAPE, MM = (100, 104, 96), 2.0
AFFINE = np.diag([MM, MM, MM, 1.0])
AFFINE[:3, 3] = -MM * (np.array(SHAPE) - 1) / 2
XYZ = np.moveaxis(np.indices(SHAPE, dtype=float), 0, -1) * MM + AFFINE[:3, 3]
BRAIN_MM = 60.0
GRID = Volume(np.zeros(SHAPE, dtype=np.float32), AFFINE)


def head(scale):
    """Brain, dark skull, bright scalp with some texture, everything larger by a factor."""
    xyz = XYZ / scale
    radius = np.linalg.norm(xyz / (1.0, 1.15, 0.95), axis=-1)
    texture = 1 + 0.15 * np.prod(np.cos(xyz * (0.11, 0.13, 0.09) + 0.3), axis=-1)
    layers = [(BRAIN_MM, 1.0), (BRAIN_MM + 3, 0.2), (BRAIN_MM + 9, 0.1), (BRAIN_MM + 16, 0.9)]
    signal, inner = np.zeros(SHAPE), np.zeros(SHAPE)
    for outer_mm, level in layers:
        share = 1 / (1 + np.exp(np.clip((radius - outer_mm) / 0.8, -50, 50)))
        signal += level * (share - inner)
        inner = share
    scan = 1e-3 + signal * texture
    return Volume(scan.astype(np.float32), AFFINE), Volume(radius < BRAIN_MM, AFFINE)


@pytest.mark.parametrize("percent", [0.3, -0.5])
def test_a_scaled_head_has_its_size_back_in_the_halfway_space(percent):
    ratio = 1 + percent / 100
    visits = [head(1.0), head(ratio)]
    scans, masks = [scan for scan, _ in visits], [mask for _, mask in visits]
    identity = np.eye(4)
    scale, ways = _without_scale(scans, masks, (identity, identity))
    assert scale is not None
    # From the halfway space the later head is reached by a larger step than the earlier one.
    step = np.linalg.inv(ways[0]) @ ways[1]
    assert np.diag(step)[:3] == pytest.approx([ratio] * 3, abs=0.0005)
    assert np.linalg.det(ways[0][:3, :3]) * np.linalg.det(ways[1][:3, :3]) == pytest.approx(1.0)
    inside = np.linalg.norm(XYZ, axis=-1) < BRAIN_MM + 20

    def apart(first, second):
        earlier, later = (
            resample(scan, GRID, way, order=3)
            for scan, way in zip(scans, (first, second), strict=True)
        )
        return np.abs(earlier - later)[inside].mean()

    assert apart(*ways) < 0.3 * apart(identity, identity)


def test_the_same_t1w_under_both_visits_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scan, mask = head(1.0)
    for session in ("M00", "M06"):
        stem = tmp_path / f"out/sub-01/ses-{session}/anat/sub-01_ses-{session}"
        stem.parent.mkdir(parents=True)
        save_image(scan, stem.with_name(f"{stem.name}_desc-preproc_T1w.nii.gz"))
        save_image(mask, stem.with_name(f"{stem.name}_desc-brain_mask.nii.gz"), np.uint8)
        sidecar = stem.with_name(f"{stem.name}_desc-preproc_T1w.json")
        sidecar.write_text('{"SkullStripped": false}')
    node = HalfwaySpace(
        out=str(tmp_path / "out"),
        subject="01",
        sessions=["M00", "M06"],
        with_flair=False,
        spacing_mm=2.0,
        seed=1,
    )
    with pytest.raises(InputError, match="both visits have the same T1w"):
        node.run()
