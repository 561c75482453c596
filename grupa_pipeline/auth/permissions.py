"""The least role that each callback, route and GraphQL mutation needs: the one place where it is declared.

A new callback gets one line in `CALLBACKS`, named `module.function` after the function that is registered; a read-only one needs
`VIEWER`. A new route gets one in `ROUTES`, by its endpoint. What is not declared is an admin's alone, but for routes that only
read, and `tests/dash_app/server/test_permissions.py` names it.
"""

from collections.abc import Mapping

from grupa_pipeline.auth.request_guard import SAFE_METHODS
from grupa_pipeline.vocabulary.enums import TokenScope, UserRole

VIEWER, PLANNER, OPERATOR, ADMIN = UserRole

CALLBACKS: Mapping[str, UserRole] = {
    "clusters.color_map": VIEWER,
    "clusters.find_users": VIEWER,
    "clusters.tell_user": VIEWER,
    "data.act": OPERATOR,
    "data.refresh": VIEWER,
    "dialog.rename": PLANNER,
    "dialog.show": VIEWER,
    "dialog.show_events": VIEWER,
    "events.press": OPERATOR,
    "events.save_product": OPERATOR,
    "events.set_label": OPERATOR,
    "events.set_role": OPERATOR,
    "events.show": VIEWER,
    "feedback.save": PLANNER,
    "history.show_moves": VIEWER,
    "learnings.find": VIEWER,
    "navigation.show_page": VIEWER,
    "planner_activity.approve": PLANNER,
    "planner_activity.comment": PLANNER,
    "planner.edit": VIEWER,
    "planner.open_planner": VIEWER,
    "planner.save": PLANNER,
    "planner.say_unsaved": VIEWER,
    "planner_outcome.record": PLANNER,
    "roadmap.answer": PLANNER,
    "roadmap.foresee": VIEWER,
    "selections.open_segment": VIEWER,
    "selections.save_segment": PLANNER,
}
"""Callbacks that run on the server."""

ROUTES: Mapping[str, UserRole] = {
    "/": VIEWER,
    "/<path:path>": VIEWER,
    "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>": VIEWER,
    "/_dash-dependencies": VIEWER,
    "/_dash-layout": VIEWER,
    "/_dash-update-component": VIEWER,  # the callback's own role is asked for when it runs
    "/_favicon.ico": VIEWER,
    "/_reload-hash": VIEWER,
    "_dash_assets.static": VIEWER,
    "announce_upload": OPERATOR,
    "ask_tools": VIEWER,
    "download_report": VIEWER,
    "draft_plan": PLANNER,
    "export_logs": VIEWER,
    "export_plan": VIEWER,
    "export_roadmap": VIEWER,
    "export_users": VIEWER,
    "healthz": VIEWER,
    "news": VIEWER,
    "plotly": VIEWER,
    "print_roadmap": VIEWER,
    "receive_upload": OPERATOR,
    "rejected": VIEWER,
    "static": VIEWER,
}
"""Flask's endpoints, of the app's own routes and of Dash's."""

SCOPE_ROLES: Mapping[TokenScope, UserRole] = {TokenScope.READ: VIEWER, TokenScope.PLAN: PLANNER}
"""The role that each scope of a token needs its owner to have."""

TOKEN_ROUTES: Mapping[str, TokenScope] = {
    "ask_tools": TokenScope.READ,
    "download_report": TokenScope.READ,
    "draft_plan": TokenScope.PLAN,
    "export_logs": TokenScope.READ,
    "export_plan": TokenScope.READ,
    "export_roadmap": TokenScope.READ,
    "export_users": TokenScope.READ,
    "print_roadmap": TokenScope.READ,
    "rejected": TokenScope.READ,
}
"""Routes that take a token instead of a session, and the scope that it must have; all others refuse tokens."""

TOKEN_ONLY = frozenset({"ask_tools", "draft_plan"})
"""Routes that a token alone opens, wherever nobody signs in too: what comes through them is an agent's."""

MUTATIONS: Mapping[str, UserRole] = {
    "addDynamicPartition": OPERATOR,
    "cancelPartitionBackfill": OPERATOR,
    "deleteAppManagedComponent": ADMIN,
    "deleteConcurrencyLimit": ADMIN,
    "deleteDynamicPartitions": ADMIN,
    "deletePipelineRun": ADMIN,
    "deleteRun": ADMIN,
    "freeConcurrencySlots": OPERATOR,
    "freeConcurrencySlotsForRun": OPERATOR,
    "launchMultipleRuns": OPERATOR,
    "launchPartitionBackfill": OPERATOR,
    "launchPipelineExecution": OPERATOR,
    "launchPipelineReexecution": OPERATOR,
    "launchRun": OPERATOR,
    "launchRunReexecution": OPERATOR,
    "logTelemetry": VIEWER,  # the UI sends it by itself
    "reexecutePartitionBackfill": OPERATOR,
    "refreshComponentState": ADMIN,
    "reloadRepositoryLocation": OPERATOR,
    "reloadWorkspace": OPERATOR,
    "reportAssetCheckEvaluations": OPERATOR,
    "reportRunlessAssetEvents": OPERATOR,
    "resetSchedule": OPERATOR,
    "resetSensor": OPERATOR,
    "resumePartitionBackfill": OPERATOR,
    "scheduleDryRun": OPERATOR,
    "sensorDryRun": OPERATOR,
    "setAppManagedComponent": ADMIN,
    "setAutoMaterializePaused": OPERATOR,
    "setConcurrencyLimit": ADMIN,
    "setNuxSeen": VIEWER,  # the UI sends it by itself
    "setSensorCursor": OPERATOR,
    "shutdownRepositoryLocation": ADMIN,
    "startSchedule": OPERATOR,
    "startSensor": OPERATOR,
    "stopRunningSchedule": OPERATOR,
    "stopSensor": OPERATOR,
    "terminatePipelineExecution": OPERATOR,
    "terminateRun": OPERATOR,
    "terminateRuns": OPERATOR,
    "wipeAssets": ADMIN,
}
"""Mutations of Dagster's GraphQL."""

DAGSTER_WRITES: Mapping[str, UserRole] = {
    "/report_asset_check/": OPERATOR,
    "/report_asset_materialization/": OPERATOR,
    "/report_asset_observation/": OPERATOR,
}
"""Further paths of Dagster's web server that change something, by their beginning."""

CONTROLS: Mapping[str, UserRole] = {
    "approve": PLANNER,
    "comment": PLANNER,
    "drop": OPERATOR,
    "event-do": OPERATOR,
    "event-label": OPERATOR,
    "event-role": OPERATOR,
    "move": PLANNER,
    "plan": PLANNER,
    "plan-comment": PLANNER,
    "plan-table": PLANNER,
    "plan-table-hint": PLANNER,
    "plan-tool duplicate": PLANNER,
    "plan-tool remove": PLANNER,
    "product-description": OPERATOR,
    "product-language": OPERATOR,
    "product-save": OPERATOR,
    "product-success": OPERATOR,
    "record": PLANNER,
    "rename": PLANNER,
    "keep-segment": PLANNER,
    "say-feedback": PLANNER,
    "save-plan": PLANNER,
    "show feedback": PLANNER,
    "show rename": PLANNER,
    "step": PLANNER,
    "undo": PLANNER,
    "upload": OPERATOR,
    "upload-column": OPERATOR,
    "upload-format": OPERATOR,
}
"""Controls that are shown to those alone who may use them, by id: a text, or `type`, or `type` and `what` of a pattern."""


def callback_role(name: str) -> UserRole:
    """The role that a callback needs, by `module.function`."""
    return CALLBACKS.get(name, ADMIN)


def route_role(endpoint: str, method: str) -> UserRole:
    """The role that a request to a route needs."""
    return ROUTES.get(endpoint, VIEWER if method in SAFE_METHODS else ADMIN)


def mutation_role(field: str) -> UserRole:
    """The role that a GraphQL mutation needs."""
    return MUTATIONS.get(field, ADMIN)


def dagster_write_role(path: str) -> UserRole:
    """The role that a write to a path of Dagster's web server, other than GraphQL, needs."""
    return next((role for start, role in DAGSTER_WRITES.items() if path.startswith(start)), ADMIN)
