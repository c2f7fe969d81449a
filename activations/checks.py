"""The checks that need orders: what each state says about money, and no row pointing into another tenant."""

from __future__ import annotations

from activations.marketplace_checks import MARKETPLACE_CHECKS
from activations.rental_checks import RENTAL_CHECKS
from billing.checks import LedgerCheck, of_another_tenant

# What an order takes from each wallet. A tenant pays nothing here for its own account at a provider.
SIDES = """
    LEFT JOIN providers_provider p ON p.id = a.provider_id
    CROSS JOIN LATERAL (VALUES
        ('customer', a.customer_price_micros),
        ('tenant', CASE WHEN p.tenant_id IS NULL THEN a.price_micros ELSE 0 END)
    ) AS side (name, micros)
"""

CHECKS = [
    LedgerCheck(
        "a closed order holds nothing",
        """
        SELECT format('order %%s (%%s, %%s) still holds %%s micro-USD on wallet %%s', a.hex_id,
               a.activation_status,
                      a.billing_status, h.amount_micros, h.wallet_id)
        FROM billing_hold h JOIN activations_activation a ON a.id = h.order_id
        WHERE h.state = 'open' AND a.billing_status <> 'reserved'
        """,
    ),
    LedgerCheck(
        "a reserved order holds exactly what it shows, on both wallets",
        f"""
        SELECT format('order %%s shows %%s micro-USD reserved, its %%s holds %%s', a.hex_id,
                      side.micros, side.name, coalesce(h.amount_micros, 0))
        FROM activations_activation a {SIDES}
        LEFT JOIN (billing_hold h JOIN billing_wallet w ON w.id = h.wallet_id)
            ON h.order_id = a.id AND h.state = 'open' AND (w.customer_id IS NULL) = (side.name = 'tenant')
        WHERE a.billing_status = 'reserved' AND side.micros <> coalesce(h.amount_micros, 0)
        """,  # noqa: S608
    ),
    LedgerCheck(
        "a billed order has one charge of the prices it shows, on both wallets",
        f"""
        SELECT format('order %%s is %%s at %%s micro-USD, its %%s was charged %%s', a.hex_id,
                      a.billing_status, side.micros, side.name, coalesce(-e.amount_micros, 0))
        FROM activations_activation a {SIDES}
        LEFT JOIN billing_transaction t ON t.order_id = a.id AND t.kind = 'charge'
        LEFT JOIN billing_entry e ON e.transaction_id = t.id AND e.account = side.name
        WHERE a.billing_status IN ('billed', 'refunded') AND side.micros <> coalesce(-e.amount_micros, 0)
        """,  # noqa: S608
    ),
    LedgerCheck(
        "only billed orders are charged, only refunded ones are refunded",
        """
        SELECT format('order %%s is %%s but has a %%s', a.hex_id, a.billing_status, t.kind)
        FROM billing_transaction t JOIN activations_activation a ON a.id = t.order_id
        WHERE (t.kind = 'charge' AND a.billing_status NOT IN ('billed', 'refunded'))
           OR (t.kind = 'refund' AND a.billing_status <> 'refunded')
        """,
    ),
    LedgerCheck(
        "a refund pays back exactly what was charged, to both",
        """
        SELECT format('order %%s is refunded: its %%s was charged %%s and got back %%s micro-USD', a.hex_id,
                      paid.account, -paid.amount_micros, coalesce(back.amount_micros, 0))
        FROM activations_activation a
        JOIN billing_transaction charge ON charge.order_id = a.id AND charge.kind = 'charge'
        JOIN billing_entry paid ON paid.transaction_id = charge.id AND paid.wallet_id IS NOT NULL
        LEFT JOIN (billing_transaction refund JOIN billing_entry back ON back.transaction_id = refund.id)
            ON refund.order_id = a.id AND refund.kind = 'refund' AND back.wallet_id = paid.wallet_id
        WHERE a.billing_status = 'refunded' AND -paid.amount_micros <> coalesce(back.amount_micros, 0)
        """,
    ),
    LedgerCheck(
        "a cancelled order paid the fee that it shows, at most its price, and no other order did",
        """
        SELECT format('order %%s (%%s) at %%s micro-USD shows a fee of %%s and paid %%s', a.hex_id,
               a.activation_status, a.customer_price_micros, a.cancel_fee_micros, coalesce(fee.micros, 0))
        FROM activations_activation a
        LEFT JOIN (SELECT t.order_id, sum(-e.amount_micros) AS micros FROM billing_transaction t
                   JOIN billing_entry e ON e.transaction_id = t.id AND e.account = 'customer'
                   WHERE t.kind = 'cancel_fee' GROUP BY 1) fee ON fee.order_id = a.id
        WHERE (a.cancel_fee_micros > 0 OR fee.order_id IS NOT NULL) AND coalesce(fee.micros, 0) <>
            CASE WHEN a.activation_status = 'canceled' AND a.lease_state = 'leased'
                 THEN least(a.cancel_fee_micros, a.customer_price_micros) ELSE 0 END
        """,
    ),
    LedgerCheck(
        "money is held and moved for orders that exist, in their own tenant",
        """
        SELECT format('%%s %%s of tenant %%s names order %%s, which is not that tenant''s', what, row_id,
               tenant_id, order_id)
        FROM (SELECT 'hold' AS what, id AS row_id, tenant_id, order_id FROM billing_hold
              UNION ALL
              SELECT 'transaction', id, tenant_id,
                     order_id FROM billing_transaction WHERE order_id IS NOT NULL) m
        WHERE NOT EXISTS (SELECT 1 FROM activations_activation a
                          WHERE a.id = m.order_id AND a.tenant_id = m.tenant_id)
            AND NOT EXISTS (SELECT 1 FROM activations_rentalterm t
                            WHERE t.id = m.order_id AND t.tenant_id = m.tenant_id)
        """,
    ),
    *RENTAL_CHECKS,
    *MARKETPLACE_CHECKS,
    of_another_tenant("activations_activation", "customer_id", "accounts_customer"),
    of_another_tenant("activations_activation", "provider_id", "providers_provider"),
    of_another_tenant("activations_message", "activation_id", "activations_activation"),
    of_another_tenant("activations_attempt", "activation_id", "activations_activation"),
    of_another_tenant("activations_exchange", "activation_id", "activations_activation"),
    of_another_tenant("activations_check", "activation_id", "activations_activation"),
    of_another_tenant("activations_ending", "activation_id", "activations_activation"),
    of_another_tenant("activations_ending", "rental_id", "activations_rental"),
    of_another_tenant("activations_report", "activation_id", "activations_activation"),
    of_another_tenant("activations_report", "customer_id", "accounts_customer"),
    of_another_tenant("activations_requestkey", "activation_id", "activations_activation"),
    of_another_tenant("activations_requestkey", "customer_id", "accounts_customer"),
    of_another_tenant("activations_pricetoken", "customer_id", "accounts_customer"),
    of_another_tenant("activations_requestkey", "term_id", "activations_rentalterm"),
    of_another_tenant("activations_moneyatrisk", "activation_id", "activations_activation"),
    of_another_tenant("activations_moneyatrisk", "term_id", "activations_rentalterm"),
    of_another_tenant("accounts_apikey", "customer_id", "accounts_customer"),
]
