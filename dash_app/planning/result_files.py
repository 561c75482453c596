"""Reads what experiment platforms report of a test: GrowthBook, PostHog and Statsig as JSON, plain group counts as CSV or JSON.

A result that cannot be read, or whose arms are not the plan's, is refused with its line or field. Pure: works on text.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from math import isfinite, sqrt
from typing import Any

from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.plan_parts import ArmResult, ResultSource

LARGEST_TEXT = 1_000_000
_ARM = ("arm", "variant", "variation", "group", "key", "name")
_USERS = ("users", "n", "number_of_samples", "units", "exposures")
_SUMS = ("conversions", "successes", "success_count", "sum", "total")
_VALUES = ("value", "mean", "rate")
_SDS = ("sd", "stddev", "std", "standard_deviation")


class ResultFileError(ValueError):
    """A result that cannot be read; the message names the line or field, and what to do."""


def read_result(text: str, plan: Plan) -> tuple[tuple[ArmResult, ...], ResultSource]:
    """The arms in a platform's report, the control first, and whose report it is.

    Raises:
        ResultFileError: It cannot be read, or its arms are not the plan's.
    """
    if len(text) > LARGEST_TEXT:
        raise ResultFileError("The file is larger than 1 MB; export the results of this test alone.")
    if not text.strip():
        raise ResultFileError("The file is empty.")
    if text.lstrip()[0] in "[{":
        return _read_json(text, plan)
    return _in_order(_read_csv(text, plan), plan), ResultSource.COUNTS


def _read_json(text: str, plan: Plan) -> tuple[tuple[ArmResult, ...], ResultSource]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ResultFileError(f"Line {error.lineno}, column {error.colno}: this is not JSON ({error.msg}).") from None
    for is_it, read, source in _READERS:
        if is_it(document):
            return _in_order(read(document, plan), plan), source
    raise ResultFileError(
        "This is no result of GrowthBook, PostHog or Statsig, and no list of arms. A list has one object an arm, such as"
        ' {"arm": "control", "users": 1000, "conversions": 120}.'
    )


def _read_csv(text: str, plan: Plan) -> list[ArmResult]:
    reader = csv.DictReader(io.StringIO(text))
    header = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    if not set(header) & set(_ARM) or not set(header) & set(_USERS):
        raise ResultFileError(
            f"Line 1: the columns are {', '.join(header)}; needed are arm, users and conversions (a share), or arm, users,"
            " mean and sd."
        )
    arms = []
    for row in reader:
        where = f"Line {reader.line_num}"
        if None in row or None in row.values():
            raise ResultFileError(f"{where}: the row has not as many fields as the header.")
        arms.append(_counts({name: row[raw] for name, raw in zip(header, row, strict=True)}, plan, where))
    return arms


def _read_list(document: Any, plan: Plan) -> list[ArmResult]:
    rows = document if isinstance(document, list) else document["arms"]
    arms = []
    for at, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ResultFileError(f'[{at}]: an arm is an object, such as {{"arm": "control", "users": 1000}}.')
        arms.append(_counts({str(name).lower(): value for name, value in row.items()}, plan, f"[{at}]"))
    return arms


def _counts(row: Mapping[str, Any], plan: Plan, where: str) -> ArmResult:
    """An arm of plain numbers: users with conversions, a sum, or a value with its deviation."""
    name = next((str(row[each]).strip() for each in _ARM if row.get(each) not in (None, "")), "")
    if not name:
        raise ResultFileError(f"{where}: the arm has no name (field arm).")
    users = _whole(row, _USERS, where)
    if "sum_squares" in row and "sum" in row:
        return _of_sums(name, users, _number(row, ("sum",), where), _number(row, ("sum_squares",), where), plan)
    if any(row.get(each) not in (None, "") for each in _VALUES):
        value = _number(row, _VALUES, where)
    else:
        value = _number(row, _SUMS, where) / users if users else 0.0
    if plan.metric_kind == MetricKind.PROPORTION:
        if not 0 <= value <= 1:
            raise ResultFileError(
                f"{where}: {value:g} of {users:,} users is no share; are users and conversions swapped?"
            )
        return ArmResult(name, users, value)
    return ArmResult(name, users, value, _number(row, _SDS, where))


def _of_sums(name: str, users: int, total: float, squares: float, plan: Plan) -> ArmResult:
    mean = total / users if users else 0.0
    if plan.metric_kind == MetricKind.PROPORTION:
        return ArmResult(name, users, mean)
    spread = max(squares - users * mean**2, 0.0) / max(users - 1, 1)
    return ArmResult(name, users, mean, sqrt(spread))


def _is_growthbook(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("result"), dict) and "results" in document["result"]


def _read_growthbook(document: Any, plan: Plan) -> list[ArmResult]:
    """The body of `GET /api/v1/experiments/:id/results`: the plan's metric, or the only one."""
    dimensions = _part(document["result"], "results", list, "result")
    if not dimensions:
        raise ResultFileError("result.results: there are no results yet; update them in GrowthBook first.")
    where = "result.results[0]"
    metrics = _part(dimensions[0], "metrics", list, where)
    at = _of_metric([str(each.get("metricId", "")) for each in metrics], plan, f"{where}.metrics")
    where = f"{where}.metrics[{at}]"
    arms = []
    for number, each in enumerate(_part(metrics[at], "variations", list, where)):
        place = f"{where}.variations[{number}]"
        analyses = _part(each, "analyses", list, place)
        if not analyses:
            raise ResultFileError(f"{place}.analyses: it is empty; update the results in GrowthBook first.")
        users = _whole(each, ("users",), place)
        sd = _number(analyses[0], ("stddev",), f"{place}.analyses[0]") if plan.metric_kind != "proportion" else None
        mean = _number(analyses[0], ("mean",), f"{place}.analyses[0]")
        arms.append(ArmResult(str(each.get("variationId", number)), users, mean, sd))
    return arms


def _is_posthog(document: Any) -> bool:
    return isinstance(document, dict) and ("variant_results" in document or "variants" in document)


def _read_posthog(document: Any, plan: Plan) -> list[ArmResult]:
    """The response of PostHog's `ExperimentQuery`, or the variants of its earlier funnels."""
    if "variant_results" in document:
        rows = [_part(document, "baseline", dict, "the document"), *_part(document, "variant_results", list, "")]
        return [
            _of_sums(
                str(row.get("key", at)),
                _whole(row, ("number_of_samples",), f"variant {row.get('key', at)}"),
                _number(row, ("sum",), f"variant {row.get('key', at)}"),
                _number(row, ("sum_squares",), f"variant {row.get('key', at)}"),
                plan,
            )
            for at, row in enumerate(rows)
        ]
    arms = []
    for at, row in enumerate(_part(document, "variants", list, "the document")):
        where = f"variants[{at}]"
        done, missed = _whole(row, ("success_count",), where), _whole(row, ("failure_count",), where)
        arms.append(ArmResult(str(row.get("key", at)), done + missed, done / max(done + missed, 1)))
    return arms


def _is_statsig(document: Any) -> bool:
    data = document.get("data") if isinstance(document, dict) else None
    return isinstance(data, dict) and "primaryMetrics" in data


def _read_statsig(document: Any, plan: Plan) -> list[ArmResult]:
    """The body of `GET /console/v1/experiments/:id/pulse_results`; its `std` is the standard error of a mean."""
    metrics = _part(document["data"], "primaryMetrics", list, "data")
    at = _of_metric([str(each.get("metricID", "")).split("::")[0] for each in metrics], plan, "data.primaryMetrics")
    row, where, arms = metrics[at], f"data.primaryMetrics[{at}]", []
    for arm, side in zip(plan.variants, ("control", "test"), strict=False):
        users = _whole(row, (f"{side}_units", f"{side}Units"), where)
        value = _number(row, (f"{side}_mean", f"{side}Mean"), where)
        error = _number(row, (f"{side}_std", f"{side}Std"), where)
        sd = None if plan.metric_kind == MetricKind.PROPORTION else error * sqrt(users)
        arms.append(ArmResult(arm.name, users, value, sd))
    return arms


def _is_list(document: Any) -> bool:
    return isinstance(document, list) or (isinstance(document, dict) and isinstance(document.get("arms"), list))


_READERS: tuple[tuple[Callable[[Any], bool], Callable[[Any, Plan], list[ArmResult]], ResultSource], ...] = (
    (_is_growthbook, _read_growthbook, ResultSource.GROWTHBOOK),
    (_is_statsig, _read_statsig, ResultSource.STATSIG),
    (_is_posthog, _read_posthog, ResultSource.POSTHOG),
    (_is_list, _read_list, ResultSource.COUNTS),
)


def _in_order(arms: Sequence[ArmResult], plan: Plan) -> tuple[ArmResult, ...]:
    """The arms under the plan's names and in its order; by name, by the keys of our exports, or by their number."""
    planned = [arm.name for arm in plan.variants]
    keys = ["control", "test"] if len(planned) == 2 else ["control", *(f"test-{at}" for at in range(1, len(planned)))]
    known: dict[str, str] = {}
    for at, name in enumerate(planned):
        known |= {str(at): name, keys[at]: name}
    known |= {name.lower(): name for name in planned}
    found: dict[str, ArmResult] = {}
    for arm in arms:
        name = known.get(arm.name.strip().lower(), "")
        if not name or name in found:
            what = "comes twice" if name else "is none of the plan's"
            raise ResultFileError(f"The arm “{arm.name}” {what}; the plan has {', '.join(planned)}.")
        found[name] = ArmResult(name, arm.users, arm.value, arm.sd)
    missing = [name for name in planned if name not in found]
    if missing:
        raise ResultFileError(f"The result has no arm {', '.join(missing)}; the plan has {', '.join(planned)}.")
    return tuple(found[name] for name in planned)


def _of_metric(names: Sequence[str], plan: Plan, where: str) -> int:
    """Which of the metrics is the plan's: the one of its name, or the only one."""
    if plan.primary_metric in names:
        return names.index(plan.primary_metric)
    if len(names) == 1:
        return 0
    found = ", ".join(names) or "none"
    raise ResultFileError(f"{where}: no metric is called {plan.primary_metric}; found are {found}.")


def _part(holder: Any, name: str, kind: type, where: str) -> Any:
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, kind):
        raise ResultFileError(f"{where}: the field {name} is missing, or is no {'list' if kind is list else 'object'}.")
    return value


def _number(row: Mapping[str, Any], names: Sequence[str], where: str) -> float:
    name = next((each for each in names if row.get(each) not in (None, "")), None)
    if name is None:
        raise ResultFileError(f"{where}: the field {names[0]} is missing.")
    try:
        number = float(row[name])
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(row[name], bool) or not isfinite(number):
        raise ResultFileError(f"{where}: {name} is {row[name]!r}, which is no number.")
    return number


def _whole(row: Mapping[str, Any], names: Sequence[str], where: str) -> int:
    number = _number(row, names, where)
    if number < 0 or number != int(number):
        raise ResultFileError(f"{where}: {names[0]} must be a whole number, 0 or more, not {number:g}.")
    return int(number)
