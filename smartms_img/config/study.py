"""The study configuration: visits, pairs of visits, and all that a method reads.

Everything here can change a number, so all of it enters the configuration digest and no
command-line flag overrides it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from smartms_img.config.base import Frozen, in_order
from smartms_img.config.mri import MriConfig, MriQcConfig
from smartms_img.config.oct import OctConfig, OctQcConfig
from smartms_img.config.review import ReviewConfig

Day = Annotated[int, Field(ge=-36_525, le=36_525)]


class VisitConfig(Frozen):
    """One planned visit."""

    label: str = Field(pattern=r"^[A-Za-z0-9]+$", description="BIDS session label, without 'ses-'")
    name: str = Field(
        pattern=r"^\S+( \S+)*$",
        max_length=60,
        description="AVISIT: words, with one space between them",
    )
    number: int = Field(ge=-9999, le=9999, description="AVISITN: months since baseline")
    window_days: Annotated[tuple[Day, Day], AfterValidator(in_order)] = Field(
        description="first and last day that the visit may fall on, days since baseline"
    )


class PairConfig(Frozen):
    """Two visits whose MRI is compared; change runs from ``reference`` to ``follow``."""

    reference: str = Field(description="label of the visit that change is measured from")
    follow: str = Field(description="label of the visit that change is measured at")

    def __str__(self) -> str:
        """Return both labels: ``M06 to M12``."""
        return f"{self.reference} to {self.follow}"


class QcConfig(Frozen):
    """Automatic checks, and what readers decide."""

    mri: MriQcConfig = MriQcConfig()
    oct: OctQcConfig = OctQcConfig()
    review: ReviewConfig = ReviewConfig()


class StudyConfig(Frozen):
    """Study and method."""

    study_id: str = Field(pattern=r"^[A-Za-z0-9-]+$", description="STUDYID of the tables")
    visits: tuple[VisitConfig, ...] = Field(min_length=1, description="the planned visits")
    baseline: str = Field(description="label of the baseline visit")
    extra_baselines: tuple[str, ...] = Field(
        (),
        description="labels of further visits that change is measured from, in rows of their own "
        "(BASETYPE), such as the visit before a crossover",
    )
    extra_pairs: tuple[PairConfig, ...] = Field(
        (), description="pairs besides follow-up against baseline"
    )
    mri: MriConfig = MriConfig()
    oct: OctConfig = OctConfig()
    qc: QcConfig = QcConfig()

    @model_validator(mode="after")
    def _visits_are_told_apart(self) -> Self:
        for key in ("label", "name", "number"):
            # Files of some systems, and many a reader, do not tell upper from lower case.
            values = [str(getattr(visit, key)).casefold() for visit in self.visits]
            if len(set(values)) != len(values):
                raise ValueError(f"visit {key}s must be unique")
        return self

    @model_validator(mode="after")
    def _visits_are_known(self) -> Self:
        labels = [visit.label for visit in self.visits]
        named = {self.baseline, *self.extra_baselines}
        named |= {v for p in self.extra_pairs for v in (p.reference, p.follow)}
        if unknown := sorted(named - set(labels)):
            raise ValueError(f"unknown visit {', '.join(unknown)}; visits are {', '.join(labels)}")
        return self

    @model_validator(mode="after")
    def _windows_do_not_overlap(self) -> Self:
        for first, second in pairwise(sorted(self.visits, key=lambda visit: visit.window_days)):
            if second.window_days[0] <= first.window_days[1]:
                day = second.window_days[0]
                raise ValueError(
                    f"window_days of {first.label} and {second.label} overlap at day {day}"
                )
            if second.number < first.number:
                raise ValueError(
                    f"numbers of {first.label} and {second.label} run against their window_days"
                )
        return self

    @model_validator(mode="after")
    def _day_0_is_at_baseline(self) -> Self:
        # A re-baselined analysis keeps the windows of the study: day 0 is at an earlier visit.
        number = next(visit.number for visit in self.visits if visit.label == self.baseline)
        windows = [visit.window_days for visit in self.visits if visit.number <= number]
        if not any(low <= 0 <= high for low, high in windows):
            raise ValueError(
                f"window_days of the baseline {self.baseline} and of visits before it lack day 0"
            )
        return self

    @model_validator(mode="after")
    def _extra_baselines_are_extra(self) -> Self:
        labels = (self.baseline, *self.extra_baselines)
        for position, label in enumerate(labels):
            if label in labels[:position]:
                raise ValueError(f"extra_baselines: {label} is a baseline already")
        return self

    @model_validator(mode="after")
    def _extra_pairs_are_extra(self) -> Self:
        regular = self._regular_pairs
        for position, pair in enumerate(self.extra_pairs):
            if pair.reference == pair.follow:
                raise ValueError(f"extra_pairs: {pair} compares a visit with itself")
            if pair in self.extra_pairs[:position]:
                raise ValueError(f"extra_pairs: {pair} is there twice")
            if pair in regular or pair.reference == self.baseline:
                raise ValueError(
                    f"extra_pairs: {pair} is compared anyway, as every follow-up with the baseline"
                )
        return self

    @property
    def pairs(self) -> tuple[PairConfig, ...]:
        """Follow-up visits against the baseline, against extra baselines, then extra pairs."""
        return self._regular_pairs + self.extra_pairs

    @property
    def _regular_pairs(self) -> tuple[PairConfig, ...]:
        return tuple(
            PairConfig(reference=reference, follow=visit.label)
            for reference in (self.baseline, *self.extra_baselines)
            for visit in self.visits
            if visit.label != reference and reference in self.baselines_of(visit.label)
        )

    @property
    def day_zero(self) -> str:
        """Label of the visit whose window holds day 0: the baseline, or one before it."""
        number = next(visit.number for visit in self.visits if visit.label == self.baseline)
        earlier = [visit for visit in self.visits if visit.number <= number]
        holds = [one for one in earlier if one.window_days[0] <= 0 <= one.window_days[1]]
        return holds[0].label

    def baselines_of(self, label: str) -> tuple[str, ...]:
        """Return the visits that the values of a visit are compared with: baseline first.

        Every visit is compared with the baseline; an extra baseline only with itself and what
        comes after it.
        """
        numbers = {visit.label: visit.number for visit in self.visits}
        extra = [one for one in self.extra_baselines if numbers[label] >= numbers[one]]
        return (self.baseline, *extra)

    def visit(self, label: str) -> VisitConfig | None:
        """Return the planned visit of a session label, or None for an unplanned session."""
        return next((visit for visit in self.visits if visit.label == label), None)
