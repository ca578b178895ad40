"""A run from the dataset to finished units: survey, plan, selection, launch, schedule."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from smartms_img.config import ClusterConfig, StudyConfig, study_digest
from smartms_img.errors import InputError
from smartms_img.execution.child import Job, thread_environment
from smartms_img.execution.dataset import CONFIG_FILE, write_dataset_files
from smartms_img.execution.launchers import DaskLauncher, InProcessLauncher, Launcher
from smartms_img.execution.needs import Needs, learn
from smartms_img.execution.places import Places, refuse_raw
from smartms_img.execution.plan_file import row_hash, write_plan
from smartms_img.execution.recipe import RecipeBook
from smartms_img.execution.resources import available_cores, available_memory_gb
from smartms_img.execution.schedule import Ended, Schedule
from smartms_img.execution.select import Selection, select_units
from smartms_img.execution.slurm_array import write_arrays
from smartms_img.execution.slurm_launcher import SlurmLauncher
from smartms_img.execution.state import UnitState, unit_states
from smartms_img.execution.survey import Survey, survey
from smartms_img.execution.units import Unit
from smartms_img.io.ledger import done_attempts

WORKER_COMMAND = (sys.executable, "-m", "smartms_img", "run-unit")


class Keep(StrEnum):
    """Whose scratch files stay for inspection."""

    NONE = "none"
    FAILED = "failed"
    ALL = "all"


@dataclass(frozen=True)
class Outcome:
    """What a run ended with.

    Attributes
    ----------
    states : dict of str to UnitState
        By unit id, in the order of the plan.
    selected : frozenset of str
        Units that were to run.
    ran : tuple of str
        Units that have run; the other selected ones were done already, or are blocked.
    """

    states: dict[str, UnitState]
    selected: frozenset[str]
    ran: tuple[str, ...]

    @property
    def not_done(self) -> list[UnitState]:
        """Selected units that are not done, in the order of the plan."""
        return [
            state
            for name, state in self.states.items()
            if name in self.selected and state.state != "done"
        ]


@dataclass(frozen=True)
class Engine:
    """Runs the units of one dataset.

    Parameters
    ----------
    places : Places
        Dataset, output and scratch folders.
    config : StudyConfig
        Study and method.
    cluster : ClusterConfig
        Where and how wide.
    command : sequence of str
        Command line of the worker, before its arguments.
    keep : Keep
        Whose scratch files stay.
    """

    places: Places
    config: StudyConfig
    cluster: ClusterConfig
    command: Sequence[str] = WORKER_COMMAND
    keep: Keep = Keep.FAILED

    def prepare(self) -> Survey:
        """Survey the dataset and write the plan and what describes the output.

        Raises
        ------
        InputError
            If the dataset has no participant.
        """
        found = survey(self.places.bids, self.config)
        days = {
            (subject, label): day
            for subject, known in found.days.items()
            for label, day in known.days.items()
        }
        plan_sha256 = write_plan(self.places.out, found.units, days)
        write_dataset_files(self.places.out, self.places.bids, found, self.config, plan_sha256)
        return found

    def run(
        self,
        units: Sequence[Unit],
        wish: Selection,
        on_end: Callable[[Ended], None],
        say: Callable[[str], None] = lambda _: None,
    ) -> Outcome:
        """Run the selected units that are not done.

        A KeyboardInterrupt kills all children before it goes on.

        Parameters
        ----------
        units : sequence of Unit
            The plan.
        wish : Selection
            Which of them.
        on_end : callable
            Told of each unit that has run.
        say : callable, optional
            Told, in lines, what else a user may want to know meanwhile.

        Raises
        ------
        InputError
            If the selection names an unknown participant or session, or a unit needs more memory
            than there is.
        """
        book = RecipeBook(self.places.out, self.config, self.places.bids)
        states = unit_states(units, self.places.out, book) if wish.only_failed else {}
        selected = select_units(units, wish, states)
        needs = self._needs(units, selected)
        ran: list[str] = []

        def ended(event: Ended) -> None:
            ran.append(event.state.unit)
            # Another run may be at work on the unit, there.
            if self.keep is Keep.NONE and event.state.state != "running":
                shutil.rmtree(self.places.work / event.state.unit, ignore_errors=True)
            on_end(event)

        with self._launcher(say) as launcher:
            schedule = Schedule(
                units=units,
                selected=selected,
                out=self.places.out,
                book=book,
                launcher=launcher,
                job=lambda unit: self._job(unit, needs),
                seed=self.config.mri.seed,
                needs=needs,
                memory_gb=self._memory_gb,
                on_end=ended,
                on_retry=lambda state: say(_retry_line(state)),
                most_gb=self._worker_gb,
            )
            states = schedule.run()
        self._remove_empty_work()
        ordered = {unit.id: states[unit.id] for unit in units}
        return Outcome(ordered, selected, tuple(ran))

    def emit_arrays(self, units: Sequence[Unit], wish: Selection, folder: Path) -> int:
        """Write SLURM job arrays of the selected units that are not done; run nothing.

        Returns
        -------
        int
            Number of units.

        Raises
        ------
        InputError
            If there are no worker jobs configured, the folder lies among the raw data, the
            selection names an unknown participant or session, or a unit needs more memory than a
            worker job has.
        """
        slurm = self.cluster.slurm
        if slurm is None:
            problem = "job arrays need a partition, a walltime and the like"
            raise InputError(problem, "Give a --cluster file with launcher 'slurm'")
        refuse_raw(self.places.bids, folder)
        book = RecipeBook(self.places.out, self.config, self.places.bids)
        states = unit_states(units, self.places.out, book)
        selected = select_units(units, wish, states)
        wanted = [
            unit
            for unit in units
            if unit.id in selected
            and unit.status == "runnable"
            and states[unit.id].state not in {"done", "running"}
        ]
        needs = self._needs(units, selected)
        write_arrays(folder, wanted, lambda unit: self._job(unit, needs), slurm)
        return len(wanted)

    @contextmanager
    def _launcher(self, say: Callable[[str], None]) -> Iterator[Launcher]:
        launcher: Launcher
        if self.cluster.launcher == "inprocess":
            launcher = InProcessLauncher()
        elif self.cluster.slurm:
            slots = self.cluster.n_procs or self.cluster.slurm.jobs * self.cluster.slurm.cores
            launcher = SlurmLauncher(self.cluster.slurm, slots, self.places.out, say)
        else:
            slots = self.cluster.n_procs or available_cores()
            launcher = DaskLauncher(slots, self._dask_folder)
        try:
            yield launcher
        except KeyboardInterrupt:
            # Seconds count: the cluster itself is left to end with this process.
            launcher.kill()
            self._remove_empty_work()
            raise
        except BaseException:
            launcher.close()
            raise
        launcher.close()

    @property
    def _memory_gb(self) -> float:
        slurm = self.cluster.slurm
        there = slurm.jobs * slurm.memory_gb if slurm else None
        return self.cluster.mem_gb or there or available_memory_gb()

    @property
    def _worker_gb(self) -> float:
        return self.cluster.slurm.memory_gb if self.cluster.slurm else self._memory_gb

    def _needs(self, units: Sequence[Unit], selected: Collection[str]) -> Needs:
        attempts = done_attempts(self.places.out)
        needs = Needs(self.cluster.unit_memory_gb, learn(units, attempts))
        done = {attempt.unit for attempt in attempts}
        wanted = [
            unit
            for unit in units
            if unit.id in selected and unit.status == "runnable" and unit.id not in done
        ]
        more = "'slurm.memory_gb'" if self.cluster.slurm else "--mem-gb"
        remedy = f"Raise {more}, or lower 'unit_memory_gb' of the --cluster file"
        needs.refuse_what_never_fits(wanted, self._worker_gb, remedy)
        return needs

    @property
    def _dask_folder(self) -> Path:
        # Another run may share the scratch folder.
        return self.places.work / f"dask-{os.getpid()}"

    def _job(self, unit: Unit, needs: Needs) -> Job:
        places = self.places
        work = places.work / unit.id
        arguments = (str(places.bids), str(places.out), "--unit", unit.id)
        kept = ("--keep-work",) if self.keep is Keep.ALL else ()
        study = ("--config", str(places.out / CONFIG_FILE))
        identity = ("--row-hash", row_hash(unit), *study, "--config-hash", self._study_sha256)
        return Job(
            unit=unit.id,
            command=(*self.command, *arguments, *identity, "-w", str(work), *kept),
            environment=thread_environment(self.config.mri.seed),
            bids=places.bids,
            out=places.out,
            work=work,
            memory_gb=needs.unit_memory_gb(unit),
        )

    @cached_property
    def _study_sha256(self) -> str:
        return study_digest(self.config)

    def _remove_empty_work(self) -> None:
        """Remove the scratch folder, unless failed units have left theirs for inspection."""
        shutil.rmtree(self._dask_folder, ignore_errors=True)
        with suppress(OSError):
            self.places.work.rmdir()


def _retry_line(state: UnitState) -> str:
    return f"{state.unit} runs again ({state.cause}): {state.reason}"
