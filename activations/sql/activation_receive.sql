-- A message of a lease: stored once, and what it means for state and money (K2, K4), in one transaction.
-- Returns 'billed' (first message), 'again' (after a retry), 'unrequested', 'late' (both kept, not shown),
-- 'repeat' (known already: nothing changed) or 'unknown' (no such lease).
-- p_cost is what the provider says that it charged (NULL: as agreed). p_lease and p_lease_provider name the lease that the
-- message came for: the order may have another one by now (NULL: whichever it has).
CREATE OR REPLACE FUNCTION activation_receive(
    p_id uuid, p_ref text, p_msg_id text, p_kind text, p_sender text, p_text text, p_code text,
    p_is_cut boolean, p_received_at timestamptz, p_cost bigint, p_now timestamptz,
    p_lease_provider bigint DEFAULT NULL, p_lease text DEFAULT NULL
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
    v_word text;
    v_own boolean;
    v_cost bigint;
BEGIN
    SELECT * INTO a FROM activations_activation WHERE id = p_id FOR NO KEY UPDATE;
    IF NOT FOUND OR a.lease_state <> 'leased' THEN
        RETURN 'unknown';
    END IF;
    IF p_lease <> a.upstream_ref OR p_lease_provider <> a.provider_id THEN
        v_word := exchange_receive(p_id, p_lease_provider, p_lease, p_ref, p_msg_id, p_kind, p_sender, p_text, p_code,
                                   p_is_cut, p_received_at, p_cost, p_now);
        IF v_word IS NOT NULL THEN
            RETURN v_word;
        END IF;
        SELECT * INTO a FROM activations_activation WHERE id = p_id;
    END IF;
    v_word := CASE
        WHEN a.activation_status <> 'active' THEN 'late'
        WHEN a.sms_status = 'smsRequested' THEN 'billed'
        WHEN a.sms_status = 'retryRequested' AND a.billing_status = 'billed' THEN 'again'
        ELSE 'unrequested' END;
    INSERT INTO activations_message
        (msg_id, tenant_id, activation_id, kind, sender, text, code, is_cut, visible, upstream_ref, received_at)
    VALUES (p_msg_id, a.tenant_id, p_id, p_kind, p_sender, p_text, p_code, p_is_cut,
            v_word IN ('billed', 'again'), p_ref, p_received_at)
    ON CONFLICT (activation_id, upstream_ref) DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'repeat';
    END IF;
    IF v_word = 'late' AND a.billing_status = 'released' THEN
        PERFORM activation_at_risk(p_id, a.tenant_id, a.provider_id, 'late_code',
            coalesce(p_cost, a.cost_micros), 'a message came after the money went back', p_now);
    END IF;
    IF v_word NOT IN ('billed', 'again') THEN
        RETURN v_word;
    END IF;

    v_cost := coalesce(p_cost, a.cost_micros);
    UPDATE activations_activation SET
        sms_status = CASE v_word WHEN 'billed' THEN 'smsReceived' ELSE 'retryReceived' END,
        billing_status = 'billed', sms_code = p_code, sms_text = p_text, received_at = p_now, updated_at = p_now,
        upstream_state = 'received', cancel_requested_at = NULL,
        price_micros = CASE v_word WHEN 'billed' THEN due_price_micros ELSE price_micros END,
        customer_price_micros =
            CASE v_word WHEN 'billed' THEN due_customer_price_micros ELSE customer_price_micros END,
        cost_micros = CASE v_word WHEN 'billed' THEN v_cost ELSE cost_micros END
    WHERE id = p_id;
    DELETE FROM activations_check WHERE activation_id = p_id;
    INSERT INTO webhooks_event (tenant_id, customer_id, type, order_id, payload, created_at)
    VALUES (a.tenant_id, a.customer_id, 'activation.sms_received', p_id, '{}', p_now);
    IF v_word = 'billed' THEN
        IF v_cost > a.cost_micros THEN
            PERFORM activation_at_risk(p_id, a.tenant_id, a.provider_id, 'overcharge',
                v_cost - a.cost_micros, 'the provider charged more than was agreed', p_now);
        END IF;
        SELECT p.tenant_id IS NOT NULL INTO v_own FROM providers_provider p WHERE p.id = a.provider_id;
        IF a.due_customer_price_micros > 0 OR (a.due_price_micros > 0 AND NOT v_own) THEN
            PERFORM ledger_bill(p_id, a.due_customer_price_micros, a.due_price_micros, v_cost, v_own, p_now);
        END IF;
    END IF;
    RETURN v_word;
END $$;

-- A provider's callback, stored as it came and worked in the same transaction.
CREATE OR REPLACE FUNCTION activation_callback(
    p_tenant bigint, p_provider bigint, p_body bytea, p_headers text,
    p_id uuid, p_ref text, p_msg_id text, p_kind text, p_sender text, p_text text, p_code text,
    p_is_cut boolean, p_received_at timestamptz, p_cost bigint, p_now timestamptz,
    p_lease_provider bigint DEFAULT NULL, p_lease text DEFAULT NULL
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_word text;
BEGIN
    v_word := activation_receive(p_id, p_ref, p_msg_id, p_kind, p_sender, p_text, p_code, p_is_cut,
                                 p_received_at, p_cost, p_now, p_lease_provider, p_lease);
    IF v_word <> 'repeat' THEN
        INSERT INTO webhooks_inboxmessage
            (tenant_id, provider_id, body, headers, received_at, processed_at, outcome)
        VALUES (p_tenant, p_provider, p_body, p_headers::jsonb, p_now, p_now, v_word);
    END IF;
    RETURN v_word;
END $$;
