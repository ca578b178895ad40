"""``smartms measure``: one pair of scans or one file, no dataset needed."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from smartms_img.cli.console import check_folder
from smartms_img.config import StudyConfig, default_study, load_study
from smartms_img.errors import ExitCode, InputError, SmartmsError
from smartms_img.execution.child import thread_environment
from smartms_img.execution.worker import UnitError
from smartms_img.naming import Contrast

measure_app = typer.Typer(
    name="measure",
    help="Measure one pair of scans or one file; prints one JSON object.",
    no_args_is_help=True,
)

OutArgument = Annotated[Path, typer.Argument(help="Folder for the derivatives.")]
ConfigOption = Annotated[Path | None, typer.Option(help="Study configuration.")]
WorkOption = Annotated[
    Path | None,
    typer.Option("-w", "--work", help="Scratch folder, kept; default: a temporary one."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print only the result.")]


class MeasureError(SmartmsError):
    """A scan could not be measured; the message says why."""

    def __init__(self, error: UnitError) -> None:
        super().__init__(error.reason)
        bad_input = error.cause == "bad-input"
        self.exit_code = ExitCode.BAD_INPUT if bad_input else ExitCode.PIPELINE_FAILED


@measure_app.command("atrophy")
def atrophy(
    base: Annotated[Path, typer.Argument(help="Earlier T1w, whole-head or skull-stripped.")],
    follow: Annotated[Path, typer.Argument(help="Later T1w of the same person.")],
    out: OutArgument,
    config: ConfigOption = None,
    work: WorkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Measure brain and regional volume change between two T1w.

    Example: smartms measure atrophy M00_T1w.nii.gz M06_T1w.nii.gz /tmp/change
    """
    check_folder(out)
    study = _study(config)
    with _scratch(work) as scratch, _only_result_on_stdout(quiet=quiet):
        from pipelines.measure_atrophy import measure_atrophy  # noqa: PLC0415

        try:
            result = measure_atrophy(base, follow, out.resolve(), study, scratch)
        except UnitError as error:
            raise MeasureError(error) from error
    _print(result)


@measure_app.command("lesions")
def lesions(  # noqa: PLR0913 - one option a scan
    out: OutArgument,
    *,
    t1: Annotated[Path, typer.Option(help="T1w, whole-head or skull-stripped.")],
    flair: Annotated[Path, typer.Option(help="FLAIR of the same visit.")],
    t2: Annotated[
        Path | None, typer.Option(help="T2w of the same visit; checked, but not needed.")
    ] = None,
    t1_follow: Annotated[Path | None, typer.Option(help="T1w of a later visit.")] = None,
    flair_follow: Annotated[Path | None, typer.Option(help="FLAIR of the later visit.")] = None,
    config: ConfigOption = None,
    work: WorkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Find the lesions of a visit, and with a later visit their change.

    Example: smartms measure lesions --t1 T1w.nii.gz --flair FLAIR.nii.gz /tmp/lesions
    """
    if (t1_follow is None) != (flair_follow is None):
        problem = "a later visit needs T1w and FLAIR"
        raise InputError(problem, "Give both --t1-follow and --flair-follow")
    check_folder(out)
    study = _study(config)
    if study.mri.lesions.masks:
        remedy = "Leave it out of the configuration"
        raise InputError("mri.lesions.masks names a folder of a dataset", remedy)
    with _scratch(work) as scratch, _only_result_on_stdout(quiet=quiet):
        from pipelines.measure_lesions import measure_lesions  # noqa: PLC0415

        base = {Contrast.T1W: t1, Contrast.FLAIR: flair} | ({Contrast.T2W: t2} if t2 else {})
        follow = None
        if t1_follow and flair_follow:
            follow = {Contrast.T1W: t1_follow, Contrast.FLAIR: flair_follow}
        try:
            result = measure_lesions(base, follow, out.resolve(), study, scratch)
        except UnitError as error:
            raise MeasureError(error) from error
    _print(result)


@measure_app.command("oct")
def oct_file(
    file: Annotated[Path, typer.Argument(help="OCT scan.")],
    out: OutArgument,
    config: ConfigOption = None,
    quiet: QuietOption = False,
) -> None:
    """Find the layers of an OCT scan and measure them.

    Example: smartms measure oct ring_OD.vol /tmp/layers
    """
    check_folder(out)
    study = _study(config)
    with _only_result_on_stdout(quiet=quiet):
        from pipelines.measure_oct import measure_oct  # noqa: PLC0415

        result = measure_oct(file, out, study)
    _print(result)


def _study(config: Path | None) -> StudyConfig:
    """Read the configuration; its seed holds from the first import of ANTs on."""
    study = load_study(config) if config else default_study()
    os.environ.update(thread_environment(study.mri.seed))
    return study


@contextmanager
def _scratch(work: Path | None) -> Iterator[Path]:
    if work is not None:
        check_folder(work)
        work.mkdir(parents=True, exist_ok=True)
        # A folder of its own: what an earlier measurement left must not be taken for this one's.
        yield Path(tempfile.mkdtemp(prefix="measure-", dir=work)).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="smartms-") as folder:
        yield Path(folder).resolve()


@contextmanager
def _only_result_on_stdout(*, quiet: bool) -> Iterator[None]:
    """Send what libraries print to stderr, also what they print past Python."""
    sys.stdout.flush()
    kept = os.dup(1)
    target = os.open(os.devnull, os.O_WRONLY) if quiet else os.dup(2)
    os.dup2(target, 1)
    os.close(target)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _print(result: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(result))
