-- A silent number exchanged inside its order. Everywhere the activation is locked first, the row of the exchange next.
-- Holds stay as they are: the new number costs nobody more than the old one would have, and whichever number gets the
-- first message is billed. The other one is given back.

-- Whether an order still waits for its first message on a number that nobody is ending.
CREATE OR REPLACE FUNCTION activation_waits(a activations_activation) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT a.activation_status = 'active' AND a.lease_state = 'leased' AND a.sms_status = 'smsRequested'
$$;

-- Before a provider is asked for another number: the exchange and its attempt. NULL: the order does not wait any more,
-- somebody works on it, or another exchange of it is under way.
CREATE OR REPLACE FUNCTION exchange_open(
    p_id uuid, p_lease text, p_provider bigint, p_offer bigint, p_our_ref text, p_operator text, p_ceiling bigint,
    p_due_price bigint, p_due_customer bigint, p_routing text, p_now timestamptz, p_lost_at timestamptz
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
    v_id bigint;
BEGIN
    SELECT * INTO a FROM activations_activation WHERE id = p_id FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND OR NOT activation_waits(a) OR a.cancel_requested_at IS NOT NULL OR a.upstream_ref <> p_lease
        OR EXISTS (SELECT 1 FROM activations_exchange WHERE activation_id = p_id AND state = 'buying') THEN
        RETURN NULL;
    END IF;
    INSERT INTO activations_attempt (tenant_id, activation_id, provider_id, offer_id, our_ref, ceiling_micros, started_at)
    VALUES (a.tenant_id, p_id, p_provider, p_offer, p_our_ref, p_ceiling, p_now);
    INSERT INTO activations_exchange (
        tenant_id, activation_id, provider_id, offer_id, our_ref, operator, cost_micros, due_price_micros,
        due_customer_price_micros, state, due_at, routing, started_at
    ) VALUES (
        a.tenant_id, p_id, p_provider, p_offer, p_our_ref, p_operator, p_ceiling, p_due_price,
        p_due_customer, 'buying', p_lost_at, p_routing::jsonb, p_now
    ) RETURNING id INTO v_id;
    RETURN v_id;
END $$;

-- The provider gave a number: 'swapped' when it is the order's from now on; 'returning' when it is to be given back,
-- because the order waits no more or the number has a flaw; 'settled' when this was known before.
-- A lease that is ours already breaks exchange_lease_once.
CREATE OR REPLACE FUNCTION exchange_bought(
    p_exchange bigint, p_upstream_ref text, p_phone text, p_formatted text, p_operator text, p_cost bigint,
    p_due_price bigint, p_due_customer bigint, p_expire_at timestamptz, p_cancelable_after timestamptz,
    p_retriable boolean, p_check_at timestamptz, p_list_at timestamptz, p_flaw text, p_now timestamptz
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
    x activations_exchange;
BEGIN
    SELECT * INTO a FROM activations_activation
    WHERE id = (SELECT activation_id FROM activations_exchange WHERE id = p_exchange) FOR NO KEY UPDATE;
    SELECT * INTO x FROM activations_exchange WHERE id = p_exchange FOR UPDATE;
    IF x.state <> 'buying' THEN
        RETURN 'settled';
    END IF;
    IF EXISTS (SELECT 1 FROM activations_activation o
               WHERE o.provider_id = x.provider_id AND o.upstream_ref = p_upstream_ref) THEN
        RAISE unique_violation USING MESSAGE = 'the lease belongs to an order';
    END IF;
    UPDATE activations_exchange SET
        upstream_ref = p_upstream_ref, phone = p_phone, formatted = p_formatted,
        operator = coalesce(nullif(p_operator, ''), operator), cost_micros = p_cost, due_price_micros = p_due_price,
        due_customer_price_micros = p_due_customer, expire_at = p_expire_at, cancelable_after = p_cancelable_after,
        is_retriable = p_retriable, state = 'returning', reason = p_flaw, due_at = p_now
    WHERE id = p_exchange;
    IF p_flaw <> '' OR NOT activation_waits(a) OR a.cancel_requested_at IS NOT NULL THEN
        UPDATE activations_attempt SET outcome = 'released', reason = p_flaw, ended_at = p_now WHERE our_ref = x.our_ref;
        RETURN 'returning';
    END IF;
    PERFORM exchange_swap(a.id, p_exchange, 'exchanged', p_now);
    UPDATE activations_check SET kind = 'status', provider_id = x.provider_id, due_at = p_check_at, tries = 0, gone = 0,
        ready_due_at = NULL, parked_reason = ''
    WHERE activation_id = a.id;
    IF p_list_at IS NOT NULL THEN
        INSERT INTO activations_listcheck (provider_id, due_at) VALUES (x.provider_id, p_list_at)
        ON CONFLICT (provider_id) DO NOTHING;
    END IF;
    RETURN 'swapped';
END $$;

-- The order's lease and the one that the exchange holds change places; both rows are locked by the caller. p_outcome:
-- what becomes of the attempt whose lease goes.
CREATE OR REPLACE FUNCTION exchange_swap(p_id uuid, p_exchange bigint, p_outcome text, p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
    x activations_exchange;
    v_ref text;
BEGIN
    SELECT * INTO a FROM activations_activation WHERE id = p_id;
    SELECT * INTO x FROM activations_exchange WHERE id = p_exchange;
    UPDATE activations_attempt SET outcome = p_outcome WHERE activation_id = p_id AND outcome = 'leased'
    RETURNING our_ref INTO v_ref;
    UPDATE activations_attempt SET outcome = 'leased', ended_at = coalesce(ended_at, p_now)
    WHERE our_ref = x.our_ref AND activation_id = p_id;
    UPDATE activations_activation SET
        provider_id = x.provider_id, offer_id = x.offer_id, upstream_ref = x.upstream_ref, upstream_state = 'waiting',
        phone = x.phone, formatted = x.formatted, operator = x.operator, cost_micros = x.cost_micros,
        due_price_micros = x.due_price_micros, due_customer_price_micros = x.due_customer_price_micros,
        expire_at = x.expire_at, cancelable_after = x.cancelable_after, is_retriable = x.is_retriable,
        replaced_at = p_now, ready_at = NULL, updated_at = p_now
    WHERE id = p_id;
    UPDATE activations_exchange SET
        provider_id = a.provider_id, offer_id = a.offer_id, our_ref = coalesce(v_ref, ''),
        upstream_ref = a.upstream_ref, phone = a.phone, formatted = a.formatted, operator = a.operator,
        cost_micros = a.cost_micros, due_price_micros = a.due_price_micros,
        due_customer_price_micros = a.due_customer_price_micros, expire_at = a.expire_at,
        cancelable_after = a.cancelable_after, is_retriable = a.is_retriable, state = 'returning', due_at = p_now,
        tries = 0, gone = 0, swapped_at = coalesce(swapped_at, p_now)
    WHERE id = p_exchange;
    INSERT INTO webhooks_event (tenant_id, customer_id, type, order_id, payload, created_at)
    VALUES (a.tenant_id, a.customer_id, 'activation.number_replaced', p_id, '{}', p_now);
END $$;

-- What became of the lease p_lease that an exchange holds, or (empty) of the one that it was buying: p_state is 'unsold',
-- 'returned' or 'kept'. p_micros is what the provider keeps of it. False: the row holds another lease by now, or has
-- ended.
CREATE OR REPLACE FUNCTION exchange_end(
    p_exchange bigint, p_lease text, p_state text, p_outcome text, p_reason text, p_kind text, p_micros bigint,
    p_now timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    x activations_exchange;
BEGIN
    UPDATE activations_exchange SET state = p_state, reason = p_reason, due_at = NULL, ended_at = p_now
    WHERE id = p_exchange AND upstream_ref = p_lease AND state IN ('buying', 'returning')
    RETURNING * INTO x;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE activations_attempt t SET
        outcome = p_outcome, reason = p_reason, ended_at = p_now, look_at = attempt_look_at(p_outcome, t, p_now)
    WHERE our_ref = x.our_ref AND activation_id = x.activation_id AND outcome IN ('', 'unknown');
    IF p_micros > 0 THEN
        PERFORM activation_at_risk(x.activation_id, x.tenant_id, x.provider_id, p_kind, p_micros, p_reason, p_now);
    END IF;
    RETURN true;
END $$;

-- A message came for a lease that the order does not show. If the order still waits and the lease is not given back
-- yet, the order takes the lease again and the message is its own (NULL: go on with it). Otherwise the message is kept
-- hidden, under a name of its own, because providers number theirs alike; what it cost is money at risk.
-- p_id is locked by the caller.
CREATE OR REPLACE FUNCTION exchange_receive(
    p_id uuid, p_provider bigint, p_lease text, p_ref text, p_msg_id text, p_kind text, p_sender text, p_text text,
    p_code text, p_is_cut boolean, p_received_at timestamptz, p_cost bigint, p_now timestamptz
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
    x activations_exchange;
BEGIN
    SELECT * INTO x FROM activations_exchange
    WHERE provider_id = p_provider AND upstream_ref = p_lease AND activation_id = p_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    SELECT * INTO a FROM activations_activation WHERE id = p_id;
    IF activation_waits(a) AND x.state = 'returning' AND x.swapped_at IS NOT NULL THEN
        PERFORM exchange_swap(p_id, x.id, 'released', p_now);
        RETURN NULL;
    END IF;
    INSERT INTO activations_message
        (msg_id, tenant_id, activation_id, kind, sender, text, code, is_cut, visible, upstream_ref, received_at)
    VALUES (p_msg_id, a.tenant_id, p_id, p_kind, p_sender, p_text, p_code, p_is_cut, false,
            'former ' || x.id || ' ' || md5(p_lease || ' ' || p_ref), p_received_at)
    ON CONFLICT (activation_id, upstream_ref) DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'repeat';
    END IF;
    UPDATE activations_exchange SET state = 'kept', reason = 'a message came for it', due_at = NULL,
        ended_at = coalesce(ended_at, p_now)
    WHERE id = x.id;
    PERFORM activation_at_risk(p_id, a.tenant_id, x.provider_id, 'late_code', coalesce(p_cost, x.cost_micros),
        'a message came for a number that had been exchanged', p_now);
    RETURN 'late';
END $$;
