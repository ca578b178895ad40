"""Which finding of SDTM a row of the endpoint table holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smartms_img.catalogue import endpoint
from smartms_img.naming import UnitKind
from smartms_img.tables.cdisc.dataset import Rows
from smartms_img.tables.lines import joint_codes

_MEASURED_ONCE = ("USUBJID", "AVISIT", "PARAMCD", "LOC", "LAT")


def finding_numbers(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return --SEQ of each row's finding, and whether the row is the first that holds it.

    Rows of extra baselines repeat a measurement; a change between two visits is a finding of its
    own for each earlier visit. Findings are numbered within the subject, from 1.

    Parameters
    ----------
    rows : mapping of str to Array
        Rows of the endpoint table, all of a subject in one run, by column.
    """
    joint = joint_codes([rows[name] for name in _MEASURED_ONCE])
    _, first, group = np.unique(joint, return_index=True, return_inverse=True)
    paramcd = rows["PARAMCD"]
    pairs = [endpoint(code).kind is UnitKind.PAIR for code in paramcd.dictionary.to_pylist()]
    is_pair = np.array(pairs, dtype=bool)[paramcd.indices.to_numpy()]
    places = np.arange(len(joint))
    finding = np.where(is_pair, places, first[group])
    is_first = finding == places
    subject = rows["USUBJID"].indices.to_numpy()
    numbers = pd.Series(is_first.astype(np.int64)).groupby(subject).cumsum().to_numpy()
    return numbers[finding], is_first
