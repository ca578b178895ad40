"""Regions of MNI152 at coordinates whose anatomy is known."""

import numpy as np
import pytest
from mri_shapes import dice

from smartms_img.io.template_files import read_template
from smartms_img.mri.atlas import Region, build_template


@pytest.fixture(scope="module")
def template():
    files = read_template()
    return build_template(files.t1, files.grey, files.white, files.atlas, files.names)


@pytest.mark.parametrize(
    ("mni_mm", "region"),
    [
        ((11, -19, 8), Region.THALAMUS),
        ((-11, -19, 8), Region.THALAMUS),
        ((13, 13, 10), Region.DEEP_GREY),  # caudate
        ((-26, 4, 2), Region.DEEP_GREY),  # putamen
        ((27, -22, -14), Region.MEDIAL_TEMPORAL),  # hippocampus
        ((-23, -4, -20), Region.MEDIAL_TEMPORAL),  # amygdala
        ((8, -5, 24), Region.LATERAL_VENTRICLES),  # body
        ((-8, 25, 8), Region.LATERAL_VENTRICLES),  # frontal horn
        ((0, -26, -32), Region.BRAINSTEM),  # pons
        ((28, -62, -38), Region.CEREBELLUM),
        ((0, -65, -25), Region.CEREBELLUM),  # vermis
        ((26, 30, 15), Region.CEREBRUM),  # frontal white matter
        ((-40, -22, 55), Region.CEREBRUM),  # hand area
        ((0, -75, 10), Region.CEREBRUM),  # calcarine
        ((0, 0, 95), None),
        ((0, -130, 0), None),
    ],
)
def test_known_places(template, mni_mm, region):
    index = np.rint(np.linalg.inv(template.t1.affine) @ [*mni_mm, 1.0])[:3].astype(int)
    assert template.regions[tuple(index)] == (region or 0)


def test_every_brain_voxel_has_a_region_and_no_other(template):
    labelled = template.regions > 0
    assert dice(labelled, template.brain) > 0.9999
    assert set(np.unique(template.regions)) == {0, *Region}


def test_tissue_fills_the_brain(template):
    total = template.csf + template.grey + template.white
    assert np.abs(total[template.brain] - 1.0).max() < 1e-5
    assert not template.csf[~template.brain].any()


def test_sizes_are_those_of_a_brain(template):
    """MNI152 is large: 1.8 to 2 litres within the skull."""
    millilitres = {region: (template.regions == region).sum() / 1000 for region in Region}
    assert 1800 < template.brain.sum() / 1000 < 2000
    assert 120 < millilitres[Region.CEREBELLUM] < 230
    assert 20 < millilitres[Region.BRAINSTEM] < 40
    assert 10 < millilitres[Region.THALAMUS] < 25
    fluid = (template.regions == Region.LATERAL_VENTRICLES) & (template.csf > 0.5)
    assert 10 < fluid.sum() / 1000 < 40


@pytest.mark.parametrize("region", [Region.LATERAL_VENTRICLES, Region.CEREBELLUM])
def test_what_follows_from_the_symmetric_template_is_symmetric(template, region):
    mask = template.regions == region
    assert dice(mask, mask[::-1]) > 0.95
