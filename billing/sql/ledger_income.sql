-- What a marketplace owes for an order that was sold to it, and the same taken back. No wallet moves: the marketplace
-- pays the tenant outside of the portal, and what it owes by our books is the account `marketplace`.
-- Income of zero leaves nothing in the books. A second income of an order breaks order_earned_once, a second
-- reversal order_reversed_once.
CREATE OR REPLACE FUNCTION ledger_income(
    p_order uuid, p_tenant bigint, p_customer bigint, p_micros bigint, p_at timestamptz
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_transaction bigint;
BEGIN
    IF p_micros < 0 THEN
        RAISE EXCEPTION 'income is not negative' USING ERRCODE = 'PT409', DETAIL = 'negative';
    END IF;
    IF p_micros = 0 THEN
        RETURN NULL;
    END IF;
    INSERT INTO billing_transaction (tenant_id, customer_id, kind, gateway, order_id, note, created_at)
    VALUES (p_tenant, p_customer, 'income', '', p_order, '', p_at)
    RETURNING id INTO v_transaction;
    INSERT INTO billing_entry (tenant_id, transaction_id, account, wallet_id, amount_micros, balance_after_micros)
    VALUES (p_tenant, v_transaction, 'marketplace', NULL, -p_micros, NULL),
           (p_tenant, v_transaction, 'tenant_revenue', NULL, p_micros, NULL);
    RETURN v_transaction;
END $$;

-- The whole income again; NULL when there was none.
CREATE OR REPLACE FUNCTION ledger_reverse_income(p_order uuid, p_at timestamptz)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_income record;
    v_transaction bigint;
BEGIN
    SELECT id, tenant_id, customer_id INTO v_income
    FROM billing_transaction WHERE order_id = p_order AND kind = 'income';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO billing_transaction (tenant_id, customer_id, kind, gateway, order_id, corrects_id, note, created_at)
    VALUES (v_income.tenant_id, v_income.customer_id, 'income_reversal', '', p_order, v_income.id, '', p_at)
    RETURNING id INTO v_transaction;
    INSERT INTO billing_entry (tenant_id, transaction_id, account, wallet_id, amount_micros, balance_after_micros)
    SELECT tenant_id, v_transaction, account, NULL, -amount_micros, NULL
    FROM billing_entry WHERE transaction_id = v_income.id ORDER BY id;
    RETURN v_transaction;
END $$;
