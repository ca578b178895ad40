"""What the verdicts of readers do to the values that they are about."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from smartms_img.config.base import Frozen
from smartms_img.config.yaml_file import read_keys
from smartms_img.naming import QcStatus

RULES_FILE = "review_rules.yaml"
RuleSet = Literal["lenient", "strict"]


class RuleRow(Frozen):
    """QCSTAT for one verdict of the readers, by what the automatic checks say."""

    on_pass: QcStatus = Field(description="where the checks passed")
    on_fail: QcStatus = Field(description="where a check failed")
    on_pending: QcStatus = Field(description="where no check could decide")

    def status(self, checks: QcStatus) -> QcStatus:
        """Return QCSTAT of a value whose checks say so."""
        known = {QcStatus.PASS: self.on_pass, QcStatus.FAIL: self.on_fail}
        return known.get(checks, self.on_pending)


class ReviewRules(Frozen):
    """QCSTAT by the verdict of the readers; of several elements the worst verdict counts."""

    unread: RuleRow = Field(description="not rated by both readers, or not agreed about")
    verdict_pass: RuleRow
    verdict_borderline: RuleRow
    verdict_fail: RuleRow

    def row(self, verdict: str) -> RuleRow:
        """Return the rules of a verdict; of none where it is empty."""
        rows = {
            "pass": self.verdict_pass,
            "borderline": self.verdict_borderline,
            "fail": self.verdict_fail,
        }
        return rows.get(verdict, self.unread)


@cache
def rule_sets() -> dict[str, Any]:
    """Return the sets of rules that have a name, as the package ships them."""
    return read_keys(Path(__file__).with_name(RULES_FILE))


def _by_name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in rule_sets():
        raise ValueError(f"is no set of rules; there are {', '.join(rule_sets())}")
    return rule_sets()[value]


class ReviewConfig(Frozen):
    """The review by readers."""

    rules: Annotated[
        ReviewRules, BeforeValidator(_by_name, json_schema_input_type=RuleSet | ReviewRules)
    ] = Field(
        "lenient",
        validate_default=True,
        description="'lenient', 'strict', or rules of the study's own",
    )
