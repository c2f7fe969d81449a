"""Settings from the environment: a bad value stops the start-up and names its variable, not its content."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured


class Environment(environ.Env):
    """django-environ whose errors always say which variable is wrong and never repeat a secret."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_value(var, *args, **kwargs)
        except ImproperlyConfigured as error:
            raise ImproperlyConfigured(f"Set the {var} environment variable (see .env.example).") from error
        except (ValueError, TypeError, SyntaxError) as error:
            raise ImproperlyConfigured(
                f"The {var} environment variable has a value that cannot be read."
            ) from error

    def natural(self, var: str, default: int) -> int:
        """A whole number from zero up."""
        value: int = self.int(var, default=default)
        if value < 0:
            raise ImproperlyConfigured(f"The {var} environment variable must not be negative.")
        return value

    def figures(self, var: str, default: dict[str, int]) -> dict[str, int]:
        """`default` with the whole numbers that the variable names differently: `poll=600,order=100`."""
        words = (word.partition("=") for word in self.list(var, default=[]))
        given = {name.strip(): int(figure) if figure.strip().isdecimal() else 0 for name, _, figure in words}
        if not given.keys() <= default.keys() or any(value < 1 for value in given.values()):
            known = ", ".join(default)
            raise ImproperlyConfigured(
                f"The {var} environment variable takes numbers from 1 for these names: {known}."
            )
        return {**default, **given}


def load_files(*paths: Path) -> None:
    """Read the files that exist; what the environment says already wins, then the first file."""
    for path in paths:
        if path.is_file():
            environ.Env.read_env(str(path), overwrite=False)


def database(url: str, variable: str, *, options: dict[str, Any], max_age_seconds: int) -> dict[str, Any]:
    """Django's form of a `postgres://` address; a socket directory is given as `?host=/dir`.

    Raises ImproperlyConfigured, naming `variable`, for anything but PostgreSQL with a database name.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"The {variable} environment variable must be postgres://user:password@host/name."
        )
    config: dict[str, Any] = environ.Env.db_url_config(url)
    config["OPTIONS"] = {**config.get("OPTIONS", {}), **options}
    config["CONN_MAX_AGE"] = max_age_seconds
    config["CONN_HEALTH_CHECKS"] = max_age_seconds > 0
    return config


def server_options(*, statement_ms: int, lock_ms: int) -> str:
    """libpq's `options`: limits that PostgreSQL itself enforces on each connection (0 = none)."""
    return (
        f"-c TimeZone=UTC -c statement_timeout={statement_ms} -c lock_timeout={lock_ms}"
        " -c idle_in_transaction_session_timeout=60000"
        # To start workers for a query takes longer than our queries do; a total took five times as long.
        " -c max_parallel_workers_per_gather=0 -c jit=off"
        # A connection keeps its plans, those of functions and foreign keys too. One made while a table was
        # small reads all of it until autovacuum has noticed that it grew: orders took twice the CPU.
        " -c enable_seqscan=off"
    )


def broker_address(redis_url: str) -> str:
    """Celery's spelling of a Redis address: sockets are `redis+socket:///path?virtual_host=N` there."""
    parts = urlsplit(redis_url)
    if parts.scheme in {"redis", "rediss"}:
        return redis_url
    if parts.scheme != "unix":
        raise ImproperlyConfigured(
            "The REDIS_URL environment variable must start with redis://, rediss:// or unix://."
        )
    number = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={number}"
