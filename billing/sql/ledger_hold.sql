-- Set money aside for an order on one wallet: the customer's, or the tenant's own when p_customer is null.
-- One conditional update locks the wallet and checks it. Too little: PT402, detail customer | account.
CREATE OR REPLACE FUNCTION ledger_hold(p_order uuid, p_tenant bigint, p_customer bigint, p_micros bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_wallet bigint;
BEGIN
    IF p_micros = 0 THEN
        RETURN;
    END IF;
    IF p_customer IS NULL THEN
        UPDATE billing_wallet SET held_micros = held_micros + p_micros
        WHERE tenant_id = p_tenant AND customer_id IS NULL AND balance_micros - held_micros >= p_micros
        RETURNING id INTO v_wallet;
    ELSE
        UPDATE billing_wallet SET held_micros = held_micros + p_micros
        WHERE customer_id = p_customer AND tenant_id = p_tenant AND balance_micros - held_micros >= p_micros
        RETURNING id INTO v_wallet;
    END IF;
    IF v_wallet IS NULL THEN
        RAISE EXCEPTION 'the balance does not cover the price'
            USING ERRCODE = 'PT402', DETAIL = CASE WHEN p_customer IS NULL THEN 'account' ELSE 'customer' END;
    END IF;
    INSERT INTO billing_hold (tenant_id, wallet_id, order_id, amount_micros, billed_micros, created_at)
    VALUES (p_tenant, v_wallet, p_order, p_micros, 0, now());
END $$;

-- Change the open hold of an order to another amount; more only as far as the wallet covers it (PT402).
CREATE OR REPLACE FUNCTION ledger_adjust_hold(p_order uuid, p_tenant bigint, p_customer bigint, p_micros bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_hold record;
BEGIN
    SELECT h.id, h.wallet_id, h.amount_micros INTO v_hold
    FROM billing_hold h JOIN billing_wallet w ON w.id = h.wallet_id
    WHERE h.order_id = p_order AND h.tenant_id = p_tenant AND h.state = 'open'
      AND w.customer_id IS NOT DISTINCT FROM p_customer
    FOR UPDATE OF h;
    IF NOT FOUND THEN
        IF p_micros = 0 THEN
            RETURN;
        END IF;
        RAISE EXCEPTION 'this order holds nothing' USING ERRCODE = 'PT409', DETAIL = 'hold_ended';
    END IF;
    IF v_hold.amount_micros = p_micros THEN
        RETURN;
    END IF;
    UPDATE billing_wallet SET held_micros = held_micros + p_micros - v_hold.amount_micros
    WHERE id = v_hold.wallet_id
      AND (p_micros < v_hold.amount_micros
           OR balance_micros - held_micros >= p_micros - v_hold.amount_micros);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the balance does not cover the price'
            USING ERRCODE = 'PT402', DETAIL = CASE WHEN p_customer IS NULL THEN 'account' ELSE 'customer' END;
    END IF;
    UPDATE billing_hold SET amount_micros = p_micros WHERE id = v_hold.id;
END $$;

-- Give back everything an order holds, the customer's first. False: nothing was open.
CREATE OR REPLACE FUNCTION ledger_release(p_order uuid, p_at timestamptz)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_hold record;
    v_micros bigint;
    v_any boolean := false;
BEGIN
    FOR v_hold IN
        SELECT h.id, h.wallet_id
        FROM billing_hold h JOIN billing_wallet w ON w.id = h.wallet_id
        WHERE h.order_id = p_order AND h.state = 'open'
        ORDER BY (w.customer_id IS NULL)
    LOOP
        -- The amount as it is under the lock: it may have been adjusted since it was found.
        UPDATE billing_hold SET state = 'released', ended_at = p_at WHERE id = v_hold.id AND state = 'open'
        RETURNING amount_micros INTO v_micros;
        IF FOUND THEN
            UPDATE billing_wallet SET held_micros = held_micros - v_micros WHERE id = v_hold.wallet_id;
            v_any := true;
        END IF;
    END LOOP;
    RETURN v_any;
END $$;

-- What a customer pays for cancelling: taken from what his order still holds, at most all of it, and the tenant's
-- revenue. To be called before ledger_release, so that the customer's wallet is locked first. An order that holds
-- nothing costs nothing; a second fee breaks cancel_fee_once.
CREATE OR REPLACE FUNCTION ledger_cancel_fee(p_order uuid, p_micros bigint, p_at timestamptz)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_hold record;
    v_micros bigint;
    v_balance bigint;
    v_transaction bigint;
BEGIN
    SELECT h.tenant_id, h.wallet_id, h.amount_micros, w.customer_id INTO v_hold
    FROM billing_hold h JOIN billing_wallet w ON w.id = h.wallet_id
    WHERE h.order_id = p_order AND h.state = 'open' AND w.customer_id IS NOT NULL
    FOR UPDATE OF h;
    v_micros := least(p_micros, v_hold.amount_micros);
    IF v_hold.wallet_id IS NULL OR v_micros = 0 THEN
        RETURN;
    END IF;
    INSERT INTO billing_transaction (tenant_id, customer_id, kind, gateway, order_id, note, created_at)
    VALUES (v_hold.tenant_id, v_hold.customer_id, 'cancel_fee', '', p_order, '', p_at)
    RETURNING id INTO v_transaction;
    UPDATE billing_wallet SET balance_micros = balance_micros - v_micros
    WHERE id = v_hold.wallet_id RETURNING balance_micros INTO v_balance;
    INSERT INTO billing_entry (tenant_id, transaction_id, account, wallet_id, amount_micros, balance_after_micros)
    VALUES (v_hold.tenant_id, v_transaction, 'customer', v_hold.wallet_id, -v_micros, v_balance),
           (v_hold.tenant_id, v_transaction, 'tenant_revenue', NULL, v_micros, NULL);
END $$;
