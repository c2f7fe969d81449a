"""What each state of a sale to a marketplace says about money, for check_ledger."""

from __future__ import annotations

from billing.checks import LedgerCheck, of_another_tenant

MARKETPLACE_CHECKS = [
    LedgerCheck(
        "a sold number has the income it shows, a refunded one has it reversed, any other has none",
        """
        SELECT format('sale %%s is %%s with an income of %%s micro-USD, the books have %%s and %%s back',
                      s.number, s.state, s.income_micros, coalesce(earned.micros, 0),
                      coalesce(reversed.micros, 0))
        FROM activations_sale s
        LEFT JOIN (SELECT t.order_id, sum(e.amount_micros) AS micros FROM billing_transaction t
                   JOIN billing_entry e ON e.transaction_id = t.id AND e.account = 'tenant_revenue'
                   WHERE t.kind = 'income' GROUP BY t.order_id) earned
            ON earned.order_id = coalesce(s.activation_id, s.rental_id)
        LEFT JOIN (SELECT t.order_id, -sum(e.amount_micros) AS micros FROM billing_transaction t
                   JOIN billing_entry e ON e.transaction_id = t.id AND e.account = 'tenant_revenue'
                   WHERE t.kind = 'income_reversal' GROUP BY t.order_id) reversed
            ON reversed.order_id = coalesce(s.activation_id, s.rental_id)
        WHERE s.income_micros <> coalesce(earned.micros, 0)
           OR CASE WHEN s.state = 'refunded' THEN s.income_micros ELSE 0 END <> coalesce(reversed.micros, 0)
        """,
    ),
    LedgerCheck(
        "income is booked only for what was sold to a marketplace",
        """
        SELECT format('transaction %%s (%%s) names order %%s, which was sold to no marketplace', t.id, t.kind,
                      t.order_id)
        FROM billing_transaction t
        LEFT JOIN activations_sale s
            ON coalesce(s.activation_id, s.rental_id) = t.order_id AND s.tenant_id = t.tenant_id
        WHERE t.kind IN ('income', 'income_reversal') AND s.id IS NULL
        """,
    ),
    LedgerCheck(
        "what a marketplace buys costs its account nothing, and belongs to the account of its contract",
        """
        SELECT format('sale %%s: order of customer %%s at %%s micro-USD, the contract is of customer %%s',
                      s.number, o.customer_id, o.price, c.customer_id)
        FROM activations_sale s JOIN activations_contract c ON c.id = s.contract_id
        JOIN (SELECT id, customer_id, num_id, customer_price_micros AS price FROM activations_activation
              UNION ALL SELECT id, customer_id, num_id, customer_price_micros FROM activations_rental) o
            ON o.id = coalesce(s.activation_id, s.rental_id)
        WHERE (o.customer_id, o.price, o.num_id) <> (c.customer_id, 0, s.number)
        """,
    ),
    of_another_tenant("activations_contract", "customer_id", "accounts_customer"),
    of_another_tenant("activations_contractprice", "contract_id", "activations_contract"),
    of_another_tenant("activations_contractcode", "contract_id", "activations_contract"),
    of_another_tenant("activations_sale", "contract_id", "activations_contract"),
    of_another_tenant("activations_sale", "activation_id", "activations_activation"),
    of_another_tenant("activations_sale", "rental_id", "activations_rental"),
    of_another_tenant("activations_push", "sale_id", "activations_sale"),
    of_another_tenant("activations_push", "contract_id", "activations_contract"),
    of_another_tenant("activations_push", "message_id", "activations_message"),
    of_another_tenant("activations_push", "rental_message_id", "activations_rentalmessage"),
    of_another_tenant("activations_numberrecord", "contract_id", "activations_contract"),
]
