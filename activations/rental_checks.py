"""What each state of a rental and its terms says about money, for check_ledger."""

from __future__ import annotations

from billing.checks import LedgerCheck, of_another_tenant

# What a term takes from each wallet. A tenant pays nothing here for its own account at a provider.
SIDES = """
    JOIN activations_rental r ON r.id = m.rental_id
    LEFT JOIN providers_provider p ON p.id = r.provider_id
    CROSS JOIN LATERAL (VALUES
        ('customer', m.customer_price_micros, m.customer_refund_micros),
        ('tenant', CASE WHEN p.tenant_id IS NULL THEN m.price_micros ELSE 0 END,
                   CASE WHEN p.tenant_id IS NULL THEN m.refund_micros ELSE 0 END)
    ) AS side (name, micros, back)
"""

RENTAL_CHECKS = [
    LedgerCheck(
        "a pending term of a rental holds exactly its price, any other nothing",
        f"""
        SELECT format('term %%s of rental %%s is %%s at %%s micro-USD, its %%s holds %%s', m.number, r.rnt_id,
                      m.state, side.micros, side.name, coalesce(h.amount_micros, 0))
        FROM activations_rentalterm m {SIDES}
        LEFT JOIN (billing_hold h JOIN billing_wallet w ON w.id = h.wallet_id)
            ON h.order_id = m.id AND h.state = 'open' AND (w.customer_id IS NULL) = (side.name = 'tenant')
        WHERE CASE m.state WHEN 'pending' THEN side.micros ELSE 0 END <> coalesce(h.amount_micros, 0)
        """,  # noqa: S608
    ),
    LedgerCheck(
        "a billed term of a rental has one charge of its price on both wallets, any other none",
        f"""
        SELECT format('term %%s of rental %%s is %%s at %%s micro-USD, its %%s was charged %%s', m.number,
                      r.rnt_id, m.state, side.micros, side.name, coalesce(-e.amount_micros, 0))
        FROM activations_rentalterm m {SIDES}
        LEFT JOIN billing_transaction t ON t.order_id = m.id AND t.kind = 'rental_charge'
        LEFT JOIN billing_entry e ON e.transaction_id = t.id AND e.account = side.name
        WHERE CASE m.state WHEN 'billed' THEN side.micros ELSE 0 END <> coalesce(-e.amount_micros, 0)
        """,  # noqa: S608
    ),
    LedgerCheck(
        "a term of a rental was paid back exactly what it shows, on both wallets",
        f"""
        SELECT format('term %%s of rental %%s shows %%s micro-USD paid back, its %%s got %%s', m.number,
                      r.rnt_id, side.back, side.name, coalesce(e.amount_micros, 0))
        FROM activations_rentalterm m {SIDES}
        LEFT JOIN billing_transaction t ON t.order_id = m.id AND t.kind = 'rental_refund'
        LEFT JOIN billing_entry e ON e.transaction_id = t.id AND e.account = side.name
        WHERE side.back <> coalesce(e.amount_micros, 0)
        """,  # noqa: S608
    ),
    LedgerCheck(
        "a rental shows the sums of its billed terms",
        """
        SELECT format('rental %%s shows %%s hours for %%s micro-USD, %%s back; its terms %%s, %%s, %%s',
                      r.rnt_id, r.hours, r.customer_price_micros, r.customer_refund_micros,
                      sum(t.hours), sum(t.customer_price_micros), sum(t.customer_refund_micros))
        FROM activations_rental r JOIN activations_rentalterm t ON t.rental_id = r.id AND t.state = 'billed'
        GROUP BY r.id
        HAVING (r.hours, r.cost_micros, r.price_micros, r.customer_price_micros, r.refund_micros,
                r.customer_refund_micros)
            <> (sum(t.hours), sum(t.cost_micros), sum(t.price_micros), sum(t.customer_price_micros),
                sum(t.refund_micros), sum(t.customer_refund_micros))
        """,
    ),
    LedgerCheck(
        "a rental that was never rented, or that is being rented, has no billed term",
        """
        SELECT format('rental %%s is %%s, its term %%s is %%s', r.rnt_id, r.lease_state, t.number, t.state)
        FROM activations_rental r JOIN activations_rentalterm t ON t.rental_id = r.id
        WHERE (r.lease_state = 'leased') <> (t.state = 'billed') AND t.number = 1
           OR (t.state = 'pending' AND t.number > 1) <> (r.extending IS NOT DISTINCT FROM t.id)
        """,
    ),
    of_another_tenant("activations_rental", "customer_id", "accounts_customer"),
    of_another_tenant("activations_rental", "provider_id", "providers_provider"),
    of_another_tenant("activations_rentalterm", "rental_id", "activations_rental"),
    of_another_tenant("activations_rentalattempt", "rental_id", "activations_rental"),
    of_another_tenant("activations_rentalmessage", "rental_id", "activations_rental"),
    of_another_tenant("activations_rentaldue", "rental_id", "activations_rental"),
]
