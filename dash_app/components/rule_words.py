"""The rule of a cluster in words. Pure functions on conditions and the feature catalog."""

from collections.abc import Mapping

from dash_app import formatting
from dash_app.data.snapshot import Cluster, Feature
from grupa_pipeline.vocabulary.rule_conditions import Comparison, Condition, short_description


def rule_words(cluster: Cluster, catalog: Mapping[str, Feature]) -> str | None:
    """`sessions a week: more than 4`, alternatives joined by `or`; None where the cluster has no rule.

    Conditions that two alternatives share are told once, in front.
    """
    rule = cluster.rule_conditions
    if not rule:
        return cluster.rule or None
    shared = [each for each in rule[0] if all(each in alternative for alternative in rule)]
    rests = [[each for each in alternative if each not in shared] for alternative in rule]
    lead = " and ".join(condition_words(each, catalog) for each in shared)
    if len(rule) == 1 or not all(rests):
        return lead
    told = ", or ".join(" and ".join(condition_words(each, catalog) for each in rest) for rest in rests)
    return f"{lead}, and either {told}" if lead else told


def condition_words(condition: Condition, catalog: Mapping[str, Feature]) -> str:
    """One condition: `days from the last event to the end of the window: more than 34`."""
    feature = catalog.get(condition.feature)
    description, unit = (feature.description, feature.unit) if feature else (formatting.words_of(condition.feature), "")
    side = "more than" if condition.comparison is Comparison.MORE_THAN else "at most"
    return f"{short_description(description)}: {side} {value_in_a_rule(condition.threshold, unit)}"


def value_in_a_rule(value: float | None, unit: str) -> str:
    """A value in the units and the precision of rules."""
    if value is None:
        return "nothing measured"
    return f"{100 * value:.4g}%" if unit == "share" else f"{value:.4g} {unit.replace('/', ' per ')}".strip()
