"""Logs: structlog for our own and the libraries' lines alike, to standard error."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

# librdkafka's own lines, which would go to standard error raw.
LIBRDKAFKA = logging.getLogger("librdkafka")


def get_logger(module: str) -> Any:
    """The logger of a module of this package, for our own lines.

    Faust's services narrate under the module's plain name; that one stays quiet.
    """
    return structlog.get_logger(module.replace("pipeline", "throughline", 1))


def configure_logs(level: str, form: str) -> None:
    """Log from `level` up, as `console` lines or `json` objects. No personal data is logged above debug."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if form == "json":
        render: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # A plain stack trace: the default one shows local variables, with what is in the records.
        plain = structlog.dev.plain_traceback
        render = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Faust and mode narrate their own start-up, httpx tells of customers in addresses; what they warn of is worth
    # reading.
    for name in ("faust", "mode", "pipeline", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
