-- Transaction two of an order: the lease that the provider gave. Only an activation that is still ordering
-- takes it; otherwise the row comes back as it is and the caller sees whose lease it holds.
-- p_price is what the tenant's hold becomes (NULL: stays); it is never above what was held.
CREATE OR REPLACE FUNCTION activation_attach(
    p_id uuid, p_our_ref text, p_upstream_ref text, p_phone text, p_formatted text, p_operator text,
    p_cost bigint, p_price bigint, p_own boolean, p_due_price bigint, p_due_customer bigint,
    p_expire_at timestamptz, p_cancelable_after timestamptz, p_retriable boolean,
    p_check_at timestamptz, p_list_at timestamptz, p_now timestamptz
) RETURNS activations_activation LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
    v_held bigint;
BEGIN
    SELECT * INTO a FROM activations_activation WHERE id = p_id FOR NO KEY UPDATE;
    IF a.lease_state <> 'ordering' THEN
        RETURN a;
    END IF;
    v_held := a.price_micros;
    UPDATE activations_activation SET
        lease_state = 'leased', upstream_ref = p_upstream_ref, upstream_state = 'waiting',
        phone = p_phone, formatted = p_formatted, operator = coalesce(nullif(p_operator, ''), operator),
        cost_micros = p_cost, price_micros = coalesce(p_price, price_micros),
        due_price_micros = p_due_price, due_customer_price_micros = p_due_customer,
        expire_at = p_expire_at, cancelable_after = p_cancelable_after, is_retriable = p_retriable,
        updated_at = p_now
    WHERE id = p_id RETURNING * INTO a;
    UPDATE activations_attempt SET outcome = 'leased', ended_at = p_now WHERE our_ref = p_our_ref;
    UPDATE activations_check SET kind = 'status', due_at = p_check_at, tries = 0, parked_reason = ''
    WHERE activation_id = p_id;
    IF p_list_at IS NOT NULL THEN
        INSERT INTO activations_listcheck (provider_id, due_at) VALUES (a.provider_id, p_list_at)
        ON CONFLICT (provider_id) DO NOTHING;
    END IF;
    INSERT INTO webhooks_event (tenant_id, customer_id, type, order_id, payload, created_at)
    VALUES (a.tenant_id, a.customer_id, 'activation.created', p_id, '{}', p_now);
    IF a.price_micros <> v_held AND NOT p_own THEN
        PERFORM ledger_adjust_hold(p_id, a.tenant_id, NULL, a.price_micros);
    END IF;
    RETURN a;
END $$;
