-- Transaction one of an order, in one round trip: everything that must be there before a provider is asked.
-- Locks: request key, the customer's wallet, the tenant's wallet last. Refusals are SQLSTATEs of
-- portal/sqlstates.py and leave nothing behind.
-- o_word: 'opened'; or what an earlier call with the same request key came to: 'repeat' (o_id), 'refused'
-- (o_refusal), 'mismatch' (another body), 'running' (stored by nobody yet).
CREATE OR REPLACE FUNCTION activation_open(
    p_tenant bigint, p_customer bigint, p_key text, p_digest bytea, p_token text,
    p_hex text, p_ord text, p_channel text,
    p_service text, p_country text, p_operator text, p_capability text,
    p_provider bigint, p_offer bigint, p_our_ref text, p_ceiling bigint,
    p_mode text, p_price bigint, p_tenant_hold bigint, p_customer_price bigint,
    p_due_price bigint, p_due_customer bigint, p_max_price bigint,
    p_quality double precision, p_markup bigint, p_routing text,
    p_cancel_fee bigint, p_ends_finalized boolean,
    p_limit bigint, p_tenant_limit bigint,
    p_now timestamptz, p_expire_at timestamptz, p_lost_at timestamptz,
    OUT o_word text, OUT o_id uuid, OUT o_refusal jsonb
) LANGUAGE plpgsql AS $$
DECLARE
    v_active bigint;
    v_digest bytea;
BEGIN
    o_id := uuidv7();
    IF p_key IS NOT NULL THEN
        -- A second call with the same key waits here until the first one's transaction ends.
        INSERT INTO activations_requestkey (tenant_id, customer_id, key, digest, activation_id, created_at)
        VALUES (p_tenant, p_customer, p_key, p_digest, o_id, p_now)
        ON CONFLICT (customer_id, key) DO NOTHING;
        IF NOT FOUND THEN
            SELECT k.activation_id, k.refusal, k.digest INTO o_id, o_refusal, v_digest
            FROM activations_requestkey k WHERE k.customer_id = p_customer AND k.key = p_key;
            o_word := CASE
                WHEN v_digest IS NULL THEN 'running'
                WHEN v_digest <> p_digest THEN 'mismatch'
                WHEN o_refusal IS NOT NULL THEN 'refused'
                ELSE 'repeat' END;
            RETURN;
        END IF;
    END IF;
    IF p_token IS NOT NULL THEN
        UPDATE activations_pricetoken SET used_at = p_now
        WHERE token = p_token AND customer_id = p_customer AND used_at IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the price token was used' USING ERRCODE = 'PT404', DETAIL = 'token';
        END IF;
    END IF;

    IF p_customer_price = 0 THEN  -- free: no hold locks the wallet, but the count below needs the lock
        PERFORM 1 FROM billing_wallet WHERE customer_id = p_customer FOR NO KEY UPDATE;
    ELSE
        PERFORM ledger_hold(o_id, p_tenant, p_customer, p_customer_price);
    END IF;
    SELECT count(*) INTO v_active FROM activations_activation
    WHERE tenant_id = p_tenant AND customer_id = p_customer AND activation_status = 'active';
    IF v_active >= p_limit THEN
        RAISE EXCEPTION 'too many active numbers'
            USING ERRCODE = 'PT429', DETAIL = format('customer:%s:%s', p_limit, v_active);
    END IF;

    INSERT INTO activations_activation (
        id, hex_id, ord_id, tenant_id, customer_id, channel, service_id, country_id, operator, capability,
        provider_id, offer_id, billing_mode, cost_micros, price_micros, customer_price_micros,
        due_price_micros, due_customer_price_micros, max_price_micros, quality_factor, markup_percent,
        created_at, updated_at, expire_at, routing, cancel_fee_micros, ends_finalized
    ) VALUES (
        o_id, p_hex, p_ord, p_tenant, p_customer, p_channel, p_service, p_country, p_operator, p_capability,
        p_provider, p_offer, p_mode, p_ceiling, p_price, p_customer_price,
        p_due_price, p_due_customer, p_max_price, p_quality, p_markup,
        p_now, p_now, p_expire_at, p_routing::jsonb, p_cancel_fee, p_ends_finalized
    );
    INSERT INTO activations_attempt (tenant_id, activation_id, provider_id, offer_id, our_ref, ceiling_micros, started_at)
    VALUES (p_tenant, o_id, p_provider, p_offer, p_our_ref, p_ceiling, p_now);
    INSERT INTO activations_check (activation_id, tenant_id, provider_id, kind, due_at)
    VALUES (o_id, p_tenant, p_provider, 'reconcile', p_lost_at);

    PERFORM ledger_hold(o_id, p_tenant, NULL, p_tenant_hold);
    IF p_tenant_limit IS NOT NULL THEN
        SELECT count(*) INTO v_active FROM activations_activation
        WHERE tenant_id = p_tenant AND activation_status = 'active';
        IF v_active > p_tenant_limit THEN
            RAISE EXCEPTION 'too many active numbers of this reseller'
                USING ERRCODE = 'PT429', DETAIL = format('account:%s:%s', p_tenant_limit, v_active - 1);
        END IF;
    END IF;
    o_word := 'opened';
END $$;
