"""Proof that the books are right: each check is one query that returns what is wrong, or nothing at all."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True)
class LedgerCheck:
    """A rule, and a query whose rows (one text column) each name a breach of it."""

    rule: str
    query: str

    def breaches(self, limit: int) -> list[str]:
        """At most `limit` sentences."""
        with connection.cursor() as cursor:
            # Materialized: with a limit in sight the planner bets on finding a breach early.
            cursor.execute(
                f"WITH found (breach) AS MATERIALIZED ({self.query}) SELECT breach FROM found LIMIT %s",  # noqa: S608
                [limit],
            )
            return [" ".join(row[0].split()) for row in cursor.fetchall()]  # the queries are wrapped


SNAPSHOT = (
    # One moment for all checks: orders that run meanwhile must not look like breaches.
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL statement_timeout = 0",
    # Every check reads whole tables; without fresh statistics the planner would not know.
    "SET LOCAL enable_nestloop = off",
    "SET LOCAL work_mem = '64MB'",
)


def of_another_tenant(table: str, column: str, target: str) -> LedgerCheck:
    """Rows of `table` whose `column` points to a row of `target` that belongs to another tenant."""
    return LedgerCheck(  # names from this project make up the query
        f"{table}.{column} stays within its tenant",
        f"""
        SELECT format('%%s %%s of tenant %%s points to %%s %%s of tenant %%s',
                      '{table}', mine.{PRIMARY_KEYS.get(table, "id")}, mine.tenant_id, '{target}',
                             other.id, other.tenant_id)
        FROM {table} mine JOIN {target} other ON other.id = mine.{column}
        WHERE other.tenant_id <> mine.tenant_id
        """,  # noqa: S608
    )


PRIMARY_KEYS = {"activations_check": "activation_id", "activations_pricetoken": "token"}

CHECKS = [
    LedgerCheck(
        "a wallet's balance is the sum of its entries",
        """
        SELECT format('wallet %%s (tenant %%s, customer %%s): stored balance %%s,
               entries sum to %%s micro-USD',
                      w.id, w.tenant_id, coalesce(w.customer_id::text, '–'), w.balance_micros,
                             coalesce(e.total, 0))
        FROM billing_wallet w
        LEFT JOIN (SELECT wallet_id, sum(amount_micros) AS total FROM billing_entry
                   WHERE wallet_id IS NOT NULL GROUP BY wallet_id) e ON e.wallet_id = w.id
        WHERE w.balance_micros <> coalesce(e.total, 0)
        """,
    ),
    LedgerCheck(
        "what a wallet holds is the sum of its open holds",
        """
        SELECT format('wallet %%s (tenant %%s, customer %%s): stored hold %%s,
               open holds sum to %%s micro-USD',
                      w.id, w.tenant_id, coalesce(w.customer_id::text, '–'), w.held_micros,
                             coalesce(h.total, 0))
        FROM billing_wallet w
        LEFT JOIN (SELECT wallet_id, sum(amount_micros) AS total FROM billing_hold
                   WHERE state = 'open' GROUP BY wallet_id) h ON h.wallet_id = w.id
        WHERE w.held_micros <> coalesce(h.total, 0)
        """,
    ),
    LedgerCheck(
        "the entries of a transaction sum to zero",
        """
        SELECT format('transaction %%s (tenant %%s): entries sum to %%s micro-USD', transaction_id,
               min(tenant_id),
                      sum(amount_micros))
        FROM billing_entry GROUP BY transaction_id HAVING sum(amount_micros) <> 0
        """,
    ),
    LedgerCheck(
        "every transaction has entries",
        """
        SELECT format('transaction %%s (%%s) has no entries', t.id, t.kind) FROM billing_transaction t
        LEFT JOIN (SELECT DISTINCT transaction_id FROM billing_entry) e ON e.transaction_id = t.id
        WHERE e.transaction_id IS NULL
        """,
    ),
    LedgerCheck(
        "each entry's balance follows from the one before it",
        """
        SELECT format('entry %%s of wallet %%s: balance after %%s, expected %%s micro-USD', id, wallet_id,
               after, expected)
        FROM (SELECT id, wallet_id, balance_after_micros AS after,
                     sum(amount_micros) OVER (PARTITION BY wallet_id ORDER BY id) AS expected
              FROM billing_entry WHERE wallet_id IS NOT NULL) chain
        WHERE after <> expected
        """,
    ),
    LedgerCheck(
        "an order is billed at most once, refunded at most once and only after a bill",
        """
        SELECT format('order %%s: %%s charges, %%s refunds', order_id, charges, refunds)
        FROM (SELECT order_id, count(*) FILTER (WHERE kind IN ('charge', 'rental_charge')) AS charges,
                     count(*) FILTER (WHERE kind IN ('refund', 'rental_refund')) AS refunds
              FROM billing_transaction WHERE order_id IS NOT NULL GROUP BY order_id) facts
        WHERE charges > 1 OR refunds > charges
        """,
    ),
    LedgerCheck(
        "a refund pays no wallet more than its charge took",
        """
        SELECT format('transaction %%s pays wallet %%s back %%s micro-USD of %%s', t.id, back.wallet_id,
                      back.amount_micros, coalesce(-paid.amount_micros, 0))
        FROM billing_transaction t
        JOIN billing_entry back ON back.transaction_id = t.id AND back.wallet_id IS NOT NULL
        LEFT JOIN billing_entry paid
            ON paid.transaction_id = t.corrects_id AND paid.wallet_id = back.wallet_id
        WHERE t.kind IN ('refund', 'rental_refund')
            AND back.amount_micros NOT BETWEEN 0 AND coalesce(-paid.amount_micros, 0)
        """,
    ),
    LedgerCheck(
        "a billed hold equals its charge's entry",
        """
        SELECT format('hold %%s of order %%s: billed %%s, charged %%s micro-USD', h.id, h.order_id,
               h.billed_micros,
                      coalesce(-e.amount_micros, 0))
        FROM billing_hold h
        LEFT JOIN billing_transaction t ON t.order_id = h.order_id AND t.kind IN ('charge', 'rental_charge')
        LEFT JOIN billing_entry e ON e.transaction_id = t.id AND e.wallet_id = h.wallet_id
        WHERE h.state = 'billed' AND h.billed_micros <> coalesce(-e.amount_micros, 0)
        """,
    ),
    LedgerCheck(
        "every charge ends the hold of its order on that wallet",
        """
        SELECT format('transaction %%s charges wallet %%s %%s micro-USD for order %%s, whose hold says %%s',
                      t.id, e.wallet_id, -e.amount_micros, t.order_id,
                      coalesce(h.billed_micros::text, 'nothing'))
        FROM billing_transaction t
        JOIN billing_entry e ON e.transaction_id = t.id AND e.wallet_id IS NOT NULL
        LEFT JOIN billing_hold h
            ON h.order_id = t.order_id AND h.wallet_id = e.wallet_id AND h.state = 'billed'
        WHERE t.kind IN ('charge', 'rental_charge') AND (h.id IS NULL OR h.billed_micros <> -e.amount_micros)
        """,
    ),
    LedgerCheck(
        "a hold ends once and bills at most what it held",
        """
        SELECT format('hold %%s: state %%s, held %%s, billed %%s micro-USD', id, state, amount_micros,
               billed_micros)
        FROM billing_hold
        WHERE billed_micros > amount_micros OR (state <> 'billed' AND billed_micros <> 0)
           OR (state = 'open') <> (ended_at IS NULL)
        """,
    ),
    LedgerCheck(
        "an order is earned at most once, and reversed at most once and wholly",
        """
        SELECT format('order %%s: %%s incomes of %%s micro-USD, %%s reversals of %%s', order_id, incomes,
                      earned, reversals, reversed)
        FROM (SELECT t.order_id, count(*) FILTER (WHERE t.kind = 'income') AS incomes,
                     count(*) FILTER (WHERE t.kind = 'income_reversal') AS reversals,
                     coalesce(sum(e.amount_micros) FILTER (WHERE t.kind = 'income'), 0) AS earned,
                     coalesce(-sum(e.amount_micros) FILTER (WHERE t.kind = 'income_reversal'), 0) AS reversed
              FROM billing_transaction t
              JOIN billing_entry e ON e.transaction_id = t.id AND e.account = 'tenant_revenue'
              WHERE t.kind IN ('income', 'income_reversal') GROUP BY t.order_id) facts
        WHERE incomes > 1 OR reversals > incomes OR (reversals = 1 AND reversed <> earned)
        """,
    ),
    LedgerCheck(
        "income is owed by a marketplace and is the tenant's, and nothing else is either's",
        """
        SELECT format('transaction %%s (%%s) has %%s micro-USD on %%s', t.id, t.kind, e.amount_micros,
                      e.account)
        FROM billing_transaction t JOIN billing_entry e ON e.transaction_id = t.id
        WHERE CASE WHEN t.kind IN ('income', 'income_reversal')
                   THEN e.account NOT IN ('marketplace', 'tenant_revenue')
                        OR e.amount_micros * CASE WHEN t.kind = 'income' THEN 1 ELSE -1 END
                           * CASE WHEN e.account = 'marketplace' THEN -1 ELSE 1 END <= 0
                   ELSE e.account = 'marketplace' END
        """,
    ),
    of_another_tenant("billing_wallet", "customer_id", "accounts_customer"),
    of_another_tenant("billing_hold", "wallet_id", "billing_wallet"),
    of_another_tenant("billing_transaction", "customer_id", "accounts_customer"),
    of_another_tenant("billing_transaction", "corrects_id", "billing_transaction"),
    of_another_tenant("billing_entry", "wallet_id", "billing_wallet"),
    of_another_tenant("billing_entry", "transaction_id", "billing_transaction"),
]
