"""Runs Dagster's code server or daemon for a service: `python -m grupa.service.dagster_process daemon run ...`."""

import sys

from grupa_pipeline.defs.idle_costs import idle_cheaply


def main() -> None:
    """Run `daemon ...`, or any command of `dagster`, with the words that follow."""
    idle_cheaply()
    words = sys.argv[1:]
    if words[0] == "daemon":
        from dagster._daemon.cli import create_dagster_daemon_cli

        create_dagster_daemon_cli()(words[1:], obj={})
    else:
        from dagster._cli import ENV_PREFIX, cli

        cli(words, auto_envvar_prefix=ENV_PREFIX)


if __name__ == "__main__":
    main()
