-- The moves that end or reopen a lease (docs/protocols/README.md 1.4). Each locks the activation's row first,
-- the customer's wallet next and the tenant's last, and gives back the row as it then is: a move that is no
-- longer legal changes nothing, and the caller reads from the row why.

-- K5, K6, K7: p_to is 'canceled' or 'expired'; a used number of a channel that finalizes by itself does that (K8).
-- p_is_free: a cancel that costs the customer no fee. p_cancel_at: the provider is not asked yet; a sweep cancels
-- there then. p_lease and p_lease_provider name the lease that has ended (NULL: whichever the order has): one that was
-- exchanged meanwhile ends nothing.
CREATE OR REPLACE FUNCTION activation_close(
    p_id uuid, p_to text, p_upstream_state text, p_now timestamptz, p_is_free boolean DEFAULT false,
    p_cancel_at timestamptz DEFAULT NULL, p_lease_provider bigint DEFAULT NULL, p_lease text DEFAULT NULL
) RETURNS activations_activation LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
    v_empty boolean;
    v_to text;
    v_fee bigint;
BEGIN
    SELECT * INTO a FROM activations_activation WHERE id = p_id FOR NO KEY UPDATE;
    v_empty := a.sms_status = 'smsRequested';
    IF a.activation_status <> 'active' OR a.lease_state <> 'leased' OR (NOT v_empty AND p_to = 'canceled')
        OR p_lease <> a.upstream_ref OR p_lease_provider <> a.provider_id THEN
        RETURN a;
    END IF;
    v_to := CASE WHEN a.ends_finalized AND NOT v_empty THEN 'finalized' ELSE p_to END;
    UPDATE activations_activation SET
        activation_status = v_to, billing_status = CASE WHEN v_empty THEN 'released' ELSE billing_status END,
        upstream_state = p_upstream_state, cancel_requested_at = NULL, updated_at = p_now, ended_at = p_now,
        cancel_fee_micros = CASE WHEN p_is_free THEN 0 ELSE cancel_fee_micros END
    WHERE id = p_id RETURNING * INTO a;
    IF p_cancel_at IS NULL THEN
        DELETE FROM activations_check WHERE activation_id = p_id;
    ELSE
        INSERT INTO activations_check (activation_id, tenant_id, provider_id, kind, due_at)
        VALUES (p_id, a.tenant_id, a.provider_id, 'cancel', p_cancel_at)
        ON CONFLICT (activation_id) DO UPDATE SET kind = 'cancel', due_at = excluded.due_at, tries = 0, parked_reason = '';
    END IF;
    INSERT INTO webhooks_event (tenant_id, customer_id, type, order_id, payload, created_at)
    VALUES (a.tenant_id, a.customer_id, 'activation.' || v_to, p_id, '{}', p_now);
    IF p_to = 'canceled' THEN
        SELECT p.cancel_fee_micros INTO v_fee FROM providers_provider p WHERE p.id = a.provider_id;
        IF v_fee > 0 THEN
            PERFORM activation_at_risk(p_id, a.tenant_id, a.provider_id, 'kept_fee', v_fee,
                'the provider keeps a fee for each cancelled number', p_now);
        END IF;
    END IF;
    IF p_to = 'canceled' AND a.cancel_fee_micros > 0 THEN
        PERFORM ledger_cancel_fee(p_id, a.cancel_fee_micros, p_now);
    END IF;
    IF v_empty THEN
        PERFORM ledger_release(p_id, p_now);
    END IF;
    RETURN a;
END $$;

-- K8.
CREATE OR REPLACE FUNCTION activation_finalize(p_id uuid, p_now timestamptz)
RETURNS activations_activation LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
BEGIN
    UPDATE activations_activation SET activation_status = 'finalized', updated_at = p_now, ended_at = p_now
    WHERE id = p_id AND activation_status = 'active' AND sms_status <> 'smsRequested' AND billing_status = 'billed'
    RETURNING * INTO a;
    IF FOUND THEN
        DELETE FROM activations_check WHERE activation_id = p_id;
        INSERT INTO webhooks_event (tenant_id, customer_id, type, order_id, payload, created_at)
        VALUES (a.tenant_id, a.customer_id, 'activation.finalized', p_id, '{}', p_now);
    END IF;
    RETURN a;
END $$;

-- K3, and K4 at once when the next message overtook our answer: p_last is the newest message known before the
-- provider was asked.
CREATE OR REPLACE FUNCTION activation_retry(p_id uuid, p_last bigint, p_check_at timestamptz, p_now timestamptz)
RETURNS activations_activation LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
    m activations_message;
BEGIN
    SELECT * INTO a FROM activations_activation WHERE id = p_id FOR NO KEY UPDATE;
    IF a.activation_status <> 'active' OR a.sms_status NOT IN ('smsReceived', 'retryReceived')
        OR a.billing_status <> 'billed' OR NOT a.is_retriable THEN
        RETURN a;
    END IF;
    INSERT INTO webhooks_event (tenant_id, customer_id, type, order_id, payload, created_at)
    VALUES (a.tenant_id, a.customer_id, 'activation.retry_requested', p_id, '{}', p_now);
    UPDATE activations_message SET visible = true
    WHERE id = (SELECT max(id) FROM activations_message WHERE activation_id = p_id AND id > p_last)
    RETURNING * INTO m;
    IF FOUND THEN
        UPDATE activations_activation SET sms_status = 'retryReceived', sms_code = m.code, sms_text = m.text,
            received_at = p_now, updated_at = p_now
        WHERE id = p_id RETURNING * INTO a;
        INSERT INTO webhooks_event (tenant_id, customer_id, type, order_id, payload, created_at)
        VALUES (a.tenant_id, a.customer_id, 'activation.sms_received', p_id, '{}', p_now);
        RETURN a;
    END IF;
    UPDATE activations_activation SET sms_status = 'retryRequested', upstream_state = 'retrying', updated_at = p_now
    WHERE id = p_id RETURNING * INTO a;
    INSERT INTO activations_check (activation_id, tenant_id, provider_id, kind, due_at)
    VALUES (p_id, a.tenant_id, a.provider_id, 'status', p_check_at)
    ON CONFLICT (activation_id) DO UPDATE SET kind = 'status', due_at = excluded.due_at, tries = 0, parked_reason = '';
    RETURN a;
END $$;

-- K10.
CREATE OR REPLACE FUNCTION activation_refund(p_id uuid, p_now timestamptz)
RETURNS activations_activation LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
BEGIN
    SELECT * INTO a FROM activations_activation WHERE id = p_id FOR NO KEY UPDATE;
    IF a.billing_status = 'refunded' THEN
        RAISE EXCEPTION 'refunded before' USING ERRCODE = 'PT409', DETAIL = 'already_refunded';
    ELSIF a.billing_status <> 'billed' THEN
        RAISE EXCEPTION 'nothing was billed' USING ERRCODE = 'PT409', DETAIL = 'not_billed';
    END IF;
    UPDATE activations_activation SET billing_status = 'refunded', updated_at = p_now
    WHERE id = p_id RETURNING * INTO a;
    INSERT INTO webhooks_event (tenant_id, customer_id, type, order_id, payload, created_at)
    VALUES (a.tenant_id, a.customer_id, 'activation.refunded', p_id, '{}', p_now);
    PERFORM ledger_refund(p_id, p_now);
    RETURN a;
END $$;
