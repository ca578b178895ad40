"""The node of the pair workflow that compares the lesions of two visits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, traits

from smartms_img.interfaces.arrays import get, get_arrays, put
from smartms_img.interfaces.base import SimpleInterface
from smartms_img.interfaces.lesion_files import write_lesion_rows
from smartms_img.mri.lesion_change import (
    ChangeRule,
    Visit,
    classify_change,
    joint_lesions,
    trusted_change_z,
)
from smartms_img.mri.lesion_table import compared_lesion_rows
from smartms_img.mri.slow_expansion import slowly_expanding
from smartms_img.mri.tissue import Tissue


class _FindLesionChangeInputSpec(BaseInterfaceInputSpec):
    both = traits.Str(mandatory=True)
    grid = traits.Str(mandatory=True)
    middle = traits.Str(mandatory=True)
    rule = traits.Any(mandatory=True)
    years = traits.Either(None, traits.Float(), desc="years between the visits")


class _FindLesionChangeOutputSpec(TraitedSpec):
    change = traits.Str(desc="lesion change labels at the midpoint")
    lesions = traits.Str(desc="lesions of either visit at the midpoint")
    atrophied = traits.Str(desc="earlier lesion that is fluid later")
    expanding = traits.Str(desc="slowly expanding part of lesions; undefined without years")
    rows = traits.Str(desc="table of lesions")


class FindLesionChange(SimpleInterface):
    """Compare the lesions of both visits at the midpoint."""

    input_spec, output_spec = _FindLesionChangeInputSpec, _FindLesionChangeOutputSpec

    def _compute(self, folder: Path) -> None:
        both, middle = get_arrays(self.inputs.both), get_arrays(self.inputs.middle)
        grid = get(self.inputs.grid)
        rule: ChangeRule = self.inputs.rule
        shown = np.minimum(middle["shown_base"], middle["shown_follow"]) > 0.5
        earlier, later = (_visit(middle, visit, shown) for visit in ("base", "follow"))
        voxel_mm = grid.spacing_mm[0]
        brain = (middle["mask_base"] > 0.5) & (middle["mask_follow"] > 0.5) & shown
        z = trusted_change_z(earlier, later, brain, voxel_mm)
        before, after = joint_lesions(earlier, later, z, voxel_mm, rule)
        change = grid.like(classify_change(before, after, voxel_mm, rule))
        # The deformation undoes the very expansion of fluid that is asked for here.
        fluid = (both["csf_follow"] > 0.5) & (both["csf_base"] < 0.5)
        atrophied = (both["lesions_base"] > 0.5) & fluid
        tissue = Tissue.of(middle, "_base")
        ratio = middle["jacobian_follow"] / np.maximum(middle["jacobian_base"], 1e-3)
        chance = np.maximum(earlier.probability, later.probability)
        rows = compared_lesion_rows(
            change, before, after, chance, tissue, middle["regions_base"], ratio
        )
        if self.inputs.years and self.inputs.years > 0:
            expanding = grid.like(slowly_expanding(before, ratio, self.inputs.years))
            self._results["expanding"] = put(expanding, folder / "expanding.nii")
        write_lesion_rows(folder / "lesions.tsv", rows, rule.name)
        self._results["rows"] = str(folder / "lesions.tsv")
        self._results["change"] = put(change, folder / "change.nii")
        self._results["lesions"] = put(grid.like(before | after), folder / "lesions.nii")
        self._results["atrophied"] = put(grid.like(atrophied), folder / "atrophied.nii")


def _visit(middle: dict[str, np.ndarray], name: str, shown: np.ndarray) -> Visit:
    """Return a visit; where the FLAIR of either shows nothing, nobody knows of a lesion."""
    return Visit(
        flair=middle[f"flair_{name}"],
        lesions=(middle[f"lesions_{name}"] > 0.5) & shown,
        probability=middle[f"probability_{name}"] * shown,
        csf=middle[f"csf_{name}"],
    )
