"""What the application's role may do: everything but change money other than through the ledger's functions.

Set after each migration, by the owner of the tables. Where one role does both jobs (DATABASE_OWNER_URL is
not set) there is nothing to grant, and the append-only triggers alone guard the ledger.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections, transaction
from psycopg import sql

READ_ONLY = ("billing_hold", "billing_transaction", "billing_entry")


def grant_to_application(*, using: str, **_: Any) -> None:
    """post_migrate receiver of the billing app."""
    application = settings.DATABASES["default"].get("USER", "")
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT current_user = %s", [application])
        if not application or cursor.fetchone()[0]:
            return
        role = sql.Identifier(application)
        for statement in STATEMENTS:
            cursor.execute(statement.format(role=role))


STATEMENTS = [
    sql.SQL("GRANT USAGE ON SCHEMA public TO {role}"),
    sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"),
    sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}"),
    *(sql.SQL(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM {{role}}") for table in READ_ONLY),
    sql.SQL("REVOKE UPDATE, DELETE ON billing_wallet FROM {role}"),
    sql.SQL("GRANT UPDATE (low_balance_micros) ON billing_wallet TO {role}"),
]
