"""Configures Python's logging: plain text for people, or one JSON object a line for programs.

A run's events belong to Dagster, whose loggers write them.
"""

import logging.config
from typing import Any


def configure_logs(log_format: str) -> None:
    """Write this process's log lines to stderr in `log_format` (`text` or `json`)."""
    logging.config.dictConfig(log_config(log_format))


def log_config(log_format: str) -> dict[str, Any]:
    """The configuration for `logging.config`: our loggers from INFO, all others from WARNING, to stderr in `log_format`."""
    formatter = _json_formatter() if log_format == "json" else {"format": "%(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"grupa": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "grupa"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {"grupa": {"level": "INFO"}},
    }


def _json_formatter() -> dict[str, Any]:
    """One object a line, with the keys that Dagster's own processes use: event, logger, level, timestamp, exception."""
    import structlog

    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(),
        ],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    }
