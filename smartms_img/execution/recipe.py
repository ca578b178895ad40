"""What the outputs of a unit depend on, as hashes: equal hashes, nothing to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from smartms_img.config import StudyConfig, content_digest, unit_digest
from smartms_img.execution.units import Unit
from smartms_img.io.atomic import sha256
from smartms_img.io.bids import PICTURE_EXTENSIONS, split_extension
from smartms_img.io.ledger import DERIVATIVE_PREFIX, Attempt, latest_attempt
from smartms_img.io.participants import FILE as PARTICIPANTS_FILE
from smartms_img.io.participants import OPTIC_NEURITIS_COLUMN, read_participants
from smartms_img.io.sessions import session_days, sessions_file
from smartms_img.method import METHOD_VERSION
from smartms_img.naming import UnitKind


@dataclass(frozen=True)
class Recipe:
    """Everything that can change a unit's outputs.

    Attributes
    ----------
    raw : dict of str to str or None
        SHA-256 by raw file and table cell; None where the dataset is not at hand.
    derived : dict of str to str
        SHA-256 by output of the units it depends on.
    config_sha256, method_version : str
        Digest of the part of the configuration that the unit reads; version of its method.
    """

    raw: dict[str, str] | None
    derived: dict[str, str]
    config_sha256: str
    method_version: str

    @property
    def inputs(self) -> dict[str, str]:
        """Raw and derived inputs together."""
        return (self.raw or {}) | self.derived

    def matches(self, attempt: Attempt) -> bool:
        """Tell whether an attempt had the same inputs, configuration and method."""
        derived = {
            name: digest
            for name, digest in attempt.inputs.items()
            if name.startswith(DERIVATIVE_PREFIX)
        }
        raw = {name: digest for name, digest in attempt.inputs.items() if name not in derived}
        return (
            (self.raw is None or raw == self.raw)
            and derived == self.derived
            and attempt.config_sha256 == self.config_sha256
            and attempt.method_version == self.method_version
        )


class RecipeBook:
    """Makes recipes; each raw file is read once.

    Parameters
    ----------
    out : Path
        Output directory.
    config : StudyConfig
        Study and method.
    bids : Path or None
        Dataset; None leaves raw files out of the comparison, for a quick look.

    Attributes
    ----------
    thorough : bool
        Whether files are to be read that seem untouched.
    """

    def __init__(self, out: Path, config: StudyConfig, bids: Path | None = None) -> None:
        self._out, self._config, self._bids = out, config, bids
        self.thorough = bids is not None
        self._digests: dict[Path, str] = {}
        self._config_sha256 = {kind: unit_digest(kind, config) for kind in UnitKind}

    def recipe(
        self, unit: Unit, done: Iterable[str], attempts: Mapping[str, Attempt] | None = None
    ) -> Recipe:
        """Return the recipe of a unit.

        Parameters
        ----------
        unit : Unit
            The unit.
        done : iterable of str
            Those of its dependencies that count.
        attempts : mapping of str to Attempt, optional
            Latest attempts that are known already; the others are read.
        """
        finished, known = set(done), attempts or {}
        derived: dict[str, str] = {}
        for name in unit.depends:
            if name not in finished:
                continue
            attempt = known.get(name) or latest_attempt(self._out, name)
            for relative, digest in (attempt.outputs if attempt else {}).items():
                derived[DERIVATIVE_PREFIX + relative] = digest
        return Recipe(
            self._raw(unit, self._bids) if self._bids else None,
            derived,
            self._config_sha256[unit.kind],
            METHOD_VERSION[unit.kind],
        )

    def _raw(self, unit: Unit, bids: Path) -> dict[str, str]:
        files = [path for relative in unit.inputs for path in _with_companions(bids / relative)]
        raw = {path.relative_to(bids).as_posix(): self._sha256(path) for path in files}
        return dict(sorted(raw.items())) | self._cells(unit, bids)

    def _cells(self, unit: Unit, bids: Path) -> dict[str, str]:
        """Digest the table cells that enter numbers: days of visits, optic neuritis."""
        cells: dict[str, str] = {}
        if unit.kind in {UnitKind.PAIR, UnitKind.SUBJECT}:
            days = session_days(bids, unit.subject, self._config.day_zero).days
            labels = [unit.reference, unit.session] if unit.session else sorted(days)
            table = sessions_file(unit.subject)
            cells |= {f"{table}#ses-{label}": content_digest(days.get(label)) for label in labels}
        if unit.kind is UnitKind.SUBJECT:
            eyes = read_participants(bids).optic_neuritis.get(unit.subject)
            row = f"{PARTICIPANTS_FILE}#sub-{unit.subject}/{OPTIC_NEURITIS_COLUMN}"
            cells[row] = content_digest(None if eyes is None else sorted(eyes))
        return cells

    def _sha256(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = sha256(path)
        return self._digests[path]


def _with_companions(path: Path) -> list[Path]:
    """Add what is read along with a raw file: its sidecar, the pictures of a folder or export."""
    within = sorted(path.iterdir()) if path.is_dir() else [path]
    files = [file for file in within if not file.is_dir()]
    sidecar = path.with_name(split_extension(path.name)[0] + ".json")
    if sidecar.is_file():
        files.append(sidecar)
    if path.suffix.lower() == ".xml":
        files += sorted(
            file
            for file in path.parent.iterdir()
            if file.suffix.lower() in PICTURE_EXTENSIONS and not file.name.startswith("sub-")
        )
    return files
