"""The sentences on what became of a decision; luck is called luck."""

from __future__ import annotations

from campaign_automation.models.budgets import EarlierDecision, ForecastRange

NEVER_KNOWN = "A figure of these days was missing for 60 days, so what became of the decision is not known."
_MISSING = "A figure of these days is missing, so nothing can be said yet."
_NO_COUNTERFACTUAL = "What would have come without the decision is not known."
_CHANGED_AGAIN = "Other changes fell into these days."


def looked_at_again(decision: EarlierDecision, currency: str) -> str:
    """Return what became of an earlier decision, in sentences."""
    sentences = [_predicted(decision, currency)]
    if decision.observed is None:
        sentences.append(_MISSING)
    else:
        sentences.append(_observed(decision, currency))
        sentences.append(_by_curves(decision) if decision.difference else _NO_COUNTERFACTUAL)
    if decision.changed_again:
        sentences.append(_CHANGED_AGAIN)
    return " ".join(filter(None, sentences))


def _unit(decision: EarlierDecision, currency: str) -> str:
    if decision.metric in ("conversion_rate", "ctr"):
        return "% clicked" if decision.metric == "ctr" else "% converted"
    return f"{currency} of value a day" if decision.metric == "value" else "conversions a day"


def _predicted(decision: EarlierDecision, currency: str) -> str:
    if decision.predicted is None:
        return ""
    return f"Predicted were {_range(decision.predicted)} {_unit(decision, currency)}."


def _observed(decision: EarlierDecision, currency: str) -> str:
    unit = _unit(decision, currency)
    text = f"Observed were {decision.observed:.4g} {unit} for {decision.spend:.2f} {currency} a day"
    if decision.before is None:
        return f"{text}."
    return f"{text}; before the decision {decision.before.result:.4g} for {decision.before.spend:.2f}."


def _by_curves(decision: EarlierDecision) -> str:
    difference = decision.difference
    if difference is None or decision.observed is None:
        return ""
    is_luck = difference.low <= 0 <= difference.high
    return (
        "By the fitted curves the old budgets would have brought"
        f" {decision.observed - difference.mean:.4g}: a difference of {difference.mean:+.3g} a day"
        f" ({difference.low:+.3g} to {difference.high:+.3g}), an estimate"
        + (" that luck alone may explain." if is_luck else ".")
    )


def _range(told: ForecastRange) -> str:
    return f"{told.mean:.4g} ({told.low:.4g} to {told.high:.4g})"
