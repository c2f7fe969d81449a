"""Logging: one structured line per event, with ids and without secrets, query strings or codes (S2, S3)."""

import logging
import logging.config
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.typing import Processor

HIDDEN = "[hidden]"
# Field names whose value is never written, whatever it holds.
SECRET_FIELDS = re.compile(
    r"(^|_)(password|passwd|secret|token|api_?key|key|authorization|cookie|session|otp|totp|pin|sms|text|body|"
    r"sms_code|code|full_text|signature|raw)$",
    re.IGNORECASE,
)
OUR_KEY = re.compile(r"\b([psr]k_(?:live|test)_)[A-Za-z0-9_-]+")
QUERY = re.compile(r"\?[^\s\"'<>\])]+")
PAIR = re.compile(
    r"(?i)\b(api_?key|key|token|password|secret|authorization|signature|code|text)(\"?\s*[=:]\s*\"?)"
    r"(?:bearer\s+|basic\s+)?[^\s\"'&,;)}\]]+"
)
LOGIN_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+@")

# What Celery tells of a failed task beside name and id; the exception's kind and places are logged anyway.
TASK_WORDS = {"exc", "traceback", "args", "kwargs", "return_value"}

Event = MutableMapping[str, Any]

# The id of the request that this thread or task is answering. A variable of our own, for structlog's take a
# twelfth of the Python of a poll to clear and bind.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def mask(text: str) -> str:
    """`text` without query strings, keys, `name=secret` pairs and logins inside addresses."""
    text = QUERY.sub("?" + HIDDEN, text)
    text = OUR_KEY.sub(r"\1" + HIDDEN, text)
    text = LOGIN_IN_ADDRESS.sub(HIDDEN + "@", text)
    return PAIR.sub(r"\1\2" + HIDDEN, text)


def name_request(_logger: Any, _method: str, event: Event) -> Event:
    """A structlog processor: adds the id of the request, if there is one."""
    if present := request_id.get():
        event.setdefault("request_id", present)
    return event


def hide_secrets(_logger: Any, _method: str, event: Event) -> Event:
    """A structlog processor: masks every value of the event, at any depth."""
    for name in list(event):
        event[name] = _hidden(name, event[name])
    return event


def _hidden(name: str, value: Any) -> Any:
    if SECRET_FIELDS.search(name) and value not in (None, "", True, False):
        return HIDDEN
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: _hidden(str(key), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden(name, inner) for inner in value]
    return value


def where_it_failed(_logger: Any, _method: str, event: Event) -> Event:
    """A structlog processor: an exception becomes types and places, not its words: they may quote a code."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, tuple):
        info = info[1]
    if isinstance(info, BaseException):
        event["error"] = " < ".join(_kind(error) for error in _chain(info))
        event["places"] = _places(info)
    return event


class WithoutWords(logging.Filter):
    """Takes an exception's words out of the messages that libraries make of it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: only the arguments change."""
        if isinstance(record.args, tuple):
            record.args = tuple(_kind(a) if isinstance(a, BaseException) else a for a in record.args)
        elif isinstance(record.args, Mapping) and record.name.startswith("celery."):
            record.args = {name: HIDDEN if name in TASK_WORDS else a for name, a in record.args.items()}
        return True


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return chain


def _kind(error: BaseException) -> str:
    state = getattr(error, "sqlstate", None) or getattr(error, "code", None)
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return f"{name}({state})" if isinstance(state, str) and state.isidentifier() else name


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]


SHARED: list[Processor] = [
    name_request,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    where_it_failed,
    hide_secrets,
]


def configure(config: Mapping[str, Any]) -> None:
    """Django's LOGGING_CONFIG: everything, ours and the libraries', goes to stderr through one formatter."""
    renderer = (
        structlog.processors.JSONRenderer()
        if config["as_json"]
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": SHARED,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    }
    quiet = {
        name: {"level": "WARNING"}
        for name in ("urllib3", "asyncio", "faker", "celery.beat", "celery.app.trace")
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": formatter},
            "filters": {"words": {"()": WithoutWords}},
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["words"]}
            },
            "root": {"handlers": ["stderr"], "level": config["level"]},
            "loggers": {
                **quiet,
                "django.server": {"level": "WARNING"},
                # Django's line for each 4xx: a flood of wrong keys would be a flood of lines. Failures stay.
                "django.request": {"level": "ERROR"},
            },
        }
    )
