"""How the processes' own lines look: plain text for people, or one JSON object a line for programs. Writes no line itself.

A run's events are Dagster's, and go where its loggers send them.
"""

import logging.config
from typing import Any


def configure_logs(log_format: str) -> None:
    """Send this process's lines to stderr as `log_format` (`text` or `json`) says."""
    logging.config.dictConfig(log_config(log_format))


def log_config(log_format: str) -> dict[str, Any]:
    """Python's `logging` configured: ours from INFO, all others from WARNING, to stderr as `log_format` says."""
    formatter = _json_formatter() if log_format == "json" else {"format": "%(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"own": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "own"}},
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
