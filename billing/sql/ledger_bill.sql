-- Turn the holds of an order (p_kind 'charge'), or of a rental's term ('rental_charge'), into a charge; what was
-- held beyond the bill goes back at once. The tenant's wallet is everybody's, so it is locked last. Returns the
-- transaction's id. A price of zero holds nothing, so either hold may be missing, but not both.
-- PT409 with detail hold_ended (nothing open) or over_hold; a second bill breaks order_billed_once or
-- rental_billed_once.
CREATE OR REPLACE FUNCTION ledger_charge(
    p_kind text, p_order uuid, p_customer_micros bigint, p_tenant_micros bigint, p_cost_micros bigint, p_own_provider boolean,
    p_at timestamptz
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_customer record;
    v_tenant record;
    v_customer_balance bigint;
    v_tenant_balance bigint;
    v_transaction bigint;
    v_tenant_micros bigint := CASE WHEN p_own_provider THEN 0 ELSE p_tenant_micros END;
BEGIN
    SELECT h.id, h.wallet_id, h.amount_micros, h.tenant_id, w.customer_id INTO v_customer
    FROM billing_hold h JOIN billing_wallet w ON w.id = h.wallet_id
    WHERE h.order_id = p_order AND w.customer_id IS NOT NULL AND h.state = 'open'
    FOR UPDATE OF h;
    SELECT h.id, h.wallet_id, h.amount_micros, h.tenant_id INTO v_tenant
    FROM billing_hold h JOIN billing_wallet w ON w.id = h.wallet_id
    WHERE h.order_id = p_order AND w.customer_id IS NULL AND h.state = 'open'
    FOR UPDATE OF h;
    IF v_customer.id IS NULL AND (v_tenant.id IS NULL OR p_customer_micros <> 0) THEN
        RAISE EXCEPTION 'this order holds nothing' USING ERRCODE = 'PT409', DETAIL = 'hold_ended';
    END IF;
    IF p_customer_micros < 0 OR p_customer_micros > coalesce(v_customer.amount_micros, 0)
        OR v_tenant_micros < 0 OR v_tenant_micros > coalesce(v_tenant.amount_micros, 0) THEN
        RAISE EXCEPTION 'the bill exceeds the hold' USING ERRCODE = 'PT409', DETAIL = 'over_hold';
    END IF;
    INSERT INTO billing_transaction (tenant_id, customer_id, kind, gateway, order_id, note, created_at)
    VALUES (coalesce(v_customer.tenant_id, v_tenant.tenant_id), v_customer.customer_id, p_kind, '', p_order, '', p_at)
    RETURNING id INTO v_transaction;
    IF v_customer.id IS NOT NULL THEN
        UPDATE billing_hold SET state = 'billed', billed_micros = p_customer_micros, ended_at = p_at
        WHERE id = v_customer.id;
        UPDATE billing_wallet
        SET balance_micros = balance_micros - p_customer_micros, held_micros = held_micros - v_customer.amount_micros
        WHERE id = v_customer.wallet_id RETURNING balance_micros INTO v_customer_balance;
    END IF;
    IF v_tenant.id IS NOT NULL THEN
        UPDATE billing_hold SET state = 'billed', billed_micros = v_tenant_micros, ended_at = p_at
        WHERE id = v_tenant.id;
        UPDATE billing_wallet
        SET balance_micros = balance_micros - v_tenant_micros, held_micros = held_micros - v_tenant.amount_micros
        WHERE id = v_tenant.wallet_id RETURNING balance_micros INTO v_tenant_balance;
    END IF;

    INSERT INTO billing_entry (tenant_id, transaction_id, account, wallet_id, amount_micros, balance_after_micros)
    SELECT coalesce(v_customer.tenant_id, v_tenant.tenant_id), v_transaction, line.account, line.wallet, line.micros,
           line.balance
    FROM (VALUES
        ('customer', v_customer.wallet_id, -p_customer_micros, v_customer_balance),
        ('tenant_revenue', NULL, CASE WHEN p_own_provider THEN p_customer_micros - p_cost_micros
                                      ELSE p_customer_micros END, NULL),
        ('tenant', v_tenant.wallet_id, -v_tenant_micros, v_tenant_balance),
        ('platform_revenue', NULL, v_tenant_micros - p_cost_micros, NULL),
        ('provider', NULL, p_cost_micros, NULL)
    ) AS line (account, wallet, micros, balance)
    WHERE CASE line.account WHEN 'customer' THEN v_customer.id IS NOT NULL
                            WHEN 'tenant_revenue' THEN v_customer.id IS NOT NULL OR p_own_provider
                            WHEN 'tenant' THEN v_tenant.id IS NOT NULL
                            WHEN 'platform_revenue' THEN NOT p_own_provider ELSE true END;
    RETURN v_transaction;
END $$;

-- PostgreSQL puts this in its caller's place, so it costs nothing.
CREATE OR REPLACE FUNCTION ledger_bill(
    p_order uuid, p_customer_micros bigint, p_tenant_micros bigint, p_cost_micros bigint, p_own_provider boolean,
    p_at timestamptz
) RETURNS bigint LANGUAGE sql AS $$
    SELECT ledger_charge('charge', p_order, p_customer_micros, p_tenant_micros, p_cost_micros, p_own_provider, p_at)
$$;

-- Pay back what customer and tenant paid, or less of it (amounts NULL: all), once per charge. p_kind is 'refund' or
-- 'rental_refund'. p_cost_micros is what the provider pays back: nothing that is known, for an order.
-- PT409 with detail not_billed, over_charge; a second refund breaks order_refunded_once or rental_refunded_once.
CREATE OR REPLACE FUNCTION ledger_pay_back(
    p_kind text, p_order uuid, p_customer_micros bigint, p_tenant_micros bigint, p_cost_micros bigint,
    p_at timestamptz
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_charge record;
    v_customer record;
    v_tenant record;
    v_customer_micros bigint;
    v_tenant_micros bigint;
    v_customer_balance bigint;
    v_tenant_balance bigint;
    v_transaction bigint;
    v_own boolean;
BEGIN
    SELECT id, tenant_id, customer_id INTO v_charge
    FROM billing_transaction WHERE order_id = p_order AND kind = replace(p_kind, 'refund', 'charge');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this order was not billed' USING ERRCODE = 'PT409', DETAIL = 'not_billed';
    END IF;
    INSERT INTO billing_transaction (tenant_id, customer_id, kind, gateway, order_id, corrects_id, note, created_at)
    VALUES (v_charge.tenant_id, v_charge.customer_id, p_kind, '', p_order, v_charge.id, '', p_at)
    RETURNING id INTO v_transaction;
    SELECT wallet_id, -amount_micros AS micros INTO v_customer
    FROM billing_entry WHERE transaction_id = v_charge.id AND account = 'customer';
    SELECT wallet_id, -amount_micros AS micros INTO v_tenant
    FROM billing_entry WHERE transaction_id = v_charge.id AND account = 'tenant';
    v_customer_micros := coalesce(p_customer_micros, v_customer.micros, 0);
    v_tenant_micros := CASE WHEN v_tenant.wallet_id IS NULL THEN 0 ELSE coalesce(p_tenant_micros, v_tenant.micros) END;
    v_own := NOT EXISTS (
        SELECT 1 FROM billing_entry WHERE transaction_id = v_charge.id AND account = 'platform_revenue');
    IF v_customer_micros NOT BETWEEN 0 AND coalesce(v_customer.micros, 0)
        OR v_tenant_micros NOT BETWEEN 0 AND coalesce(v_tenant.micros, 0) OR p_cost_micros < 0 THEN
        RAISE EXCEPTION 'the refund exceeds the charge' USING ERRCODE = 'PT409', DETAIL = 'over_charge';
    END IF;
    IF v_customer.wallet_id IS NOT NULL THEN
        UPDATE billing_wallet SET balance_micros = balance_micros + v_customer_micros
        WHERE id = v_customer.wallet_id RETURNING balance_micros INTO v_customer_balance;
    END IF;
    IF v_tenant.wallet_id IS NOT NULL THEN
        UPDATE billing_wallet SET balance_micros = balance_micros + v_tenant_micros
        WHERE id = v_tenant.wallet_id RETURNING balance_micros INTO v_tenant_balance;
    END IF;
    INSERT INTO billing_entry (tenant_id, transaction_id, account, wallet_id, amount_micros, balance_after_micros)
    SELECT v_charge.tenant_id, v_transaction, line.account, line.wallet, line.micros, line.balance
    FROM (VALUES
        ('customer', v_customer.wallet_id, v_customer_micros, v_customer_balance),
        ('tenant_revenue', NULL, CASE WHEN v_own THEN p_cost_micros ELSE 0 END - v_customer_micros, NULL),
        ('tenant', v_tenant.wallet_id, v_tenant_micros, v_tenant_balance),
        ('platform_revenue', NULL, CASE WHEN v_own THEN 0 ELSE p_cost_micros END - v_tenant_micros, NULL),
        ('provider', NULL, -p_cost_micros, NULL)
    ) AS line (account, wallet, micros, balance)
    WHERE CASE line.account WHEN 'customer' THEN v_customer.wallet_id IS NOT NULL
                            WHEN 'tenant_revenue' THEN v_customer.wallet_id IS NOT NULL OR (v_own AND p_cost_micros > 0)
                            WHEN 'tenant' THEN v_tenant.wallet_id IS NOT NULL
                            WHEN 'platform_revenue' THEN v_tenant.wallet_id IS NOT NULL OR p_cost_micros > 0 AND NOT v_own
                            ELSE p_cost_micros > 0 END;
    RETURN v_transaction;
END $$;

CREATE OR REPLACE FUNCTION ledger_refund(p_order uuid, p_at timestamptz) RETURNS bigint LANGUAGE sql AS $$
    SELECT ledger_pay_back('refund', p_order, NULL, NULL, 0, p_at)
$$;

-- Money in (topup) or a correction (adjust) of one wallet, against the gateway account. The balance may go below zero.
-- A used external id breaks transaction_id_once. PT404: there is no such wallet.
CREATE OR REPLACE FUNCTION ledger_move(
    p_tenant bigint, p_customer bigint, p_kind text, p_micros bigint, p_external_id text, p_gateway text,
    p_note text, p_corrects bigint, p_at timestamptz
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_transaction bigint;
    v_wallet bigint;
    v_balance bigint;
BEGIN
    INSERT INTO billing_transaction
        (tenant_id, customer_id, kind, external_id, gateway, note, corrects_id, created_at)
    VALUES (p_tenant, p_customer, p_kind, p_external_id, p_gateway, p_note, p_corrects, p_at)
    RETURNING id INTO v_transaction;
    UPDATE billing_wallet SET balance_micros = balance_micros + p_micros
    WHERE tenant_id = p_tenant AND customer_id IS NOT DISTINCT FROM p_customer
    RETURNING id, balance_micros INTO v_wallet, v_balance;
    IF v_wallet IS NULL THEN
        RAISE EXCEPTION 'there is no such wallet' USING ERRCODE = 'PT404';
    END IF;
    INSERT INTO billing_entry (tenant_id, transaction_id, account, wallet_id, amount_micros, balance_after_micros)
    VALUES
        (p_tenant, v_transaction, CASE WHEN p_customer IS NULL THEN 'tenant' ELSE 'customer' END, v_wallet,
         p_micros, v_balance),
        (p_tenant, v_transaction, 'gateway', NULL, -p_micros, NULL);
    RETURN v_transaction;
END $$;
