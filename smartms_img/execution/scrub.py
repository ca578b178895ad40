"""Keep paths of this machine out of what is written below the output directory."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path


class Scrubber:
    """Replaces absolute paths in text by names.

    Parameters
    ----------
    places : mapping of str to Path
        Folder by the name that replaces it; the home directory, the Python installation and this
        package are added.

    Examples
    --------
    >>> Scrubber({"BIDS": Path("/data/trial")})("cannot read /data/trial/sub-01/x.nii")
    'cannot read BIDS/sub-01/x.nii'
    """

    def __init__(self, places: Mapping[str, Path]) -> None:
        package = Path(__file__).parents[2]
        extra = {"PYTHON": Path(sys.prefix), "SMARTMS": package, "~": Path.home()}
        self._names: dict[str, str] = {}
        for name, place in (*places.items(), *extra.items()):
            for spelling in (place.absolute(), place.resolve()):
                if spelling != Path(spelling.anchor):
                    self._names.setdefault(str(spelling), name)
        longest_first = sorted(self._names, key=len, reverse=True)
        alternatives = "|".join(re.escape(path) for path in longest_first)
        self._pattern = re.compile(rf"(?:{alternatives})(?![\w-])")

    def __call__(self, text: str) -> str:
        """Return the text without the paths."""
        return self._pattern.sub(lambda match: self._names[match.group()], text)
