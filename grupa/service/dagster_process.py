"""Runs Dagster's code server or daemon for a service: `python -m grupa.service.dagster_process daemon run ...`."""

import sys

from grupa_pipeline.defs.idle_costs import DAEMON_INTERVALS, SERVER_INTERVALS, keep_engines, lengthen_intervals


def main() -> None:
    """Run `daemon ...`, or any command of `dagster`, with the words that follow."""
    words = sys.argv[1:]
    if words[0] == "daemon":
        from dagster._daemon.cli import create_dagster_daemon_cli

        lengthen_intervals(DAEMON_INTERVALS)
        keep_engines(connected=True)
        create_dagster_daemon_cli()(words[1:], obj={})
    else:
        from dagster._cli import ENV_PREFIX, cli

        lengthen_intervals(SERVER_INTERVALS)
        cli(words, auto_envvar_prefix=ENV_PREFIX)


if __name__ == "__main__":
    main()
