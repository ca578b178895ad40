"""What all parts of the configuration have in common."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Item = TypeVar("Item")
Pair = TypeVar("Pair", tuple[int, int], tuple[float, float])

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Correlation = Annotated[float, Field(ge=-1, le=1)]


class Frozen(BaseModel):
    """Immutable model that refuses unknown keys, NaN, infinity, and yes or no for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic would take 'yes' as 1, and YAML takes the words on, off, yes and no as such.
        wants_truth = cls.model_fields[str(info.field_name)].annotation is bool
        items = value if isinstance(value, list | tuple) else [value]
        if not wants_truth and any(isinstance(item, bool) for item in items):
            raise ValueError("stands for true or false; write a number, or text in quotes")
        return value


def none_twice(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return the items; raise ValueError if one of them is there twice."""
    for item in items:
        if items.count(item) > 1:
            raise ValueError(f"has {item} twice")
    return items


def in_order(limits: Pair) -> Pair:
    """Return lower and upper limit; raise ValueError if they are reversed."""
    low, high = limits
    if low > high:
        raise ValueError(f"runs backwards, from {low:g} to {high:g}")
    return limits
