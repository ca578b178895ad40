"""The lesion net on the template head: lesions of known place and size, none, other scanners."""

import numpy as np
import pytest
from mri_shapes import dice
from scipy import ndimage

from smartms_img.io.nifti import load_image, load_mask
from smartms_img.mri.geometry import resample
from smartms_img.mri.lesion_net import BrainMaps, lesion_probability, run_lesion_net
from smartms_img.mri.lesions import segment_lesions
from smartms_img.phantoms.lesions import LesionFate, burn, place_lesions
from smartms_img.phantoms.template import head
from smartms_img.volume import Volume

FATES = {LesionFate.STABLE: 8}
ISO = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def template():
    return head()


@pytest.fixture(scope="module")
def lesions(template):
    return place_lesions(template, FATES, np.random.default_rng(3))


def scans(template, lesions, *, noise=0.03, gain=1.0):
    """FLAIR and T1w without skull; white matter is 1 and lesions are 1.5 and 0.7."""
    rng = np.random.default_rng(8)
    made = []
    for grey, csf, lesion in ((1.2, 0.2, 1.5), (0.75, 0.3, 0.7)):
        clean = template.white + grey * template.grey + csf * template.csf
        burnt = burn(clean, template, lesions, 0, lambda _, signal=lesion: signal)
        blurred = ndimage.gaussian_filter(burnt, 0.6)
        noisy = blurred + rng.normal(0, noise, blurred.shape)
        made.append((gain * noisy * inside(template)).astype(np.float32))
    return made


def inside(template):
    return template.grey + template.white + template.csf > 0.5


def found(template, flair, t1w, spacing_mm=1.0, to_t1w=None):
    """Segment; the FLAIR may have thicker slices, the T1w never has."""
    shrunk = Volume(flair, np.eye(4))
    if spacing_mm != 1.0:
        step = round(spacing_mm)
        count = flair.shape[2] // step
        thick = flair[..., : count * step].reshape(*flair.shape[:2], count, step).mean(axis=-1)
        affine = np.diag([1.0, 1.0, spacing_mm, 1.0])
        affine[2, 3] = (step - 1) / 2
        shrunk = Volume(thick, affine)
    brain = BrainMaps(
        Volume(t1w, np.eye(4)), inside(template), template.white, template.white, template.csf
    )
    probability = lesion_probability(shrunk, brain, np.eye(4) if to_t1w is None else to_t1w)
    mask = np.ones(shrunk.shape, dtype=bool)
    bright = np.full(shrunk.shape, 9.0, dtype=np.float32)
    rule = {"least_probability": 0.5, "least_z": 1.5, "min_volume_mm3": 14.0}
    return segment_lesions(probability, bright, bright * 0, mask, shrunk.spacing_mm, **rule)


def true(template, lesions):
    blank = burn(np.zeros_like(template.white), template, lesions, 0, lambda _: 1.0)
    return blank >= 0.5


def test_lesions_are_found_where_they_are(template, lesions):
    mask = found(template, *scans(template, lesions))
    assert dice(mask, true(template, lesions)) > 0.7
    labels, count = ndimage.label(true(template, lesions))
    assert all(mask[labels == number].mean() > 0.1 for number in range(1, count + 1))


def test_a_healthy_brain_has_no_lesion(template):
    assert not found(template, *scans(template, ())).any()


def test_gain_is_no_lesion(template, lesions):
    mask = found(template, *scans(template, lesions))
    brighter = found(template, *scans(template, lesions, gain=300.0))
    assert dice(mask, brighter) > 0.999


def test_thick_slices(template, lesions):
    flair, t1w = scans(template, lesions)
    mask = found(template, flair, t1w, spacing_mm=3.0)
    whole = true(template, lesions)
    thick = whole[..., : mask.shape[2] * 3].reshape(*whole.shape[:2], -1, 3).mean(axis=-1) > 0.5
    labels, count = ndimage.label(thick)
    sizes = np.bincount(labels.ravel())
    large = [n for n in range(1, count + 1) if sizes[n] * 3 >= 60]
    assert large
    assert np.mean([mask[labels == n].mean() > 0.1 for n in large]) >= 0.7


def test_the_answer_is_always_the_same(template, lesions):
    flair, t1w = scans(template, lesions)
    channels = np.stack([flair, t1w, template.white, template.csf])[:, 60:100, 80:120, 60:100]
    assert np.array_equal(run_lesion_net(channels), run_lesion_net(channels))


def test_without_white_matter_nothing_is_found(template):
    flair, t1w = scans(template, ())
    nothing = np.zeros_like(template.white)
    brain = BrainMaps(Volume(t1w, np.eye(4)), inside(template), nothing, nothing, nothing)
    assert not lesion_probability(Volume(flair, np.eye(4)), brain, np.eye(4)).any()


@pytest.mark.realdata
@pytest.mark.parametrize("case", ["lj19", "msls39"])
def test_lesions_that_experts_have_marked(real_data, template, case):
    """The cases lie in the space of the template, so it can be laid on them as it is.

    Nothing is bent to fit here, and the white matter is a guess: the net alone, at its worst.
    """
    folder = real_data / "lesions" / case
    t1w, flair = (load_image(folder / f"{name}.nii.gz", item=name) for name in ("T1w", "FLAIR"))
    lesions = load_mask(folder / "lesions.nii.gz", item="lesions").data > 0.5
    affine = np.eye(4)
    affine[:3, 3] = template.origin_mm
    white, csf = (resample(Volume(part, affine), t1w) for part in (template.white, template.csf))
    bright = t1w.data > np.percentile(t1w.data[t1w.data > 0], 70)
    brain = BrainMaps(t1w, t1w.data > 0, white * bright, white, csf)
    probability = lesion_probability(flair, brain, np.eye(4))
    assert dice(probability > 0.5, lesions) > 0.5
