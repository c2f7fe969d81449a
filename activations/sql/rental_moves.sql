-- A message (N2) and the ends of a rental (N4–N7). Each locks the rental's row first and gives it back as it then
-- is: a move that is no longer legal changes nothing, and the caller reads from the row why.

-- Returns 'new', 'late' (kept, not shown: it came after the end), 'repeat' (known) or 'unknown' (no such lease).
CREATE OR REPLACE FUNCTION rental_receive(
    p_id uuid, p_ref text, p_msg_id text, p_kind text, p_sender text, p_text text, p_code text,
    p_is_cut boolean, p_received_at timestamptz, p_now timestamptz
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r activations_rental;
    v_is_open boolean;
BEGIN
    SELECT * INTO r FROM activations_rental WHERE id = p_id FOR NO KEY UPDATE;
    IF NOT FOUND OR r.lease_state <> 'leased' THEN
        RETURN 'unknown';
    END IF;
    v_is_open := r.rental_status = 'active';
    INSERT INTO activations_rentalmessage
        (msg_id, tenant_id, rental_id, kind, sender, text, code, is_cut, visible, upstream_ref, received_at)
    VALUES (p_msg_id, r.tenant_id, p_id, p_kind, p_sender, p_text, p_code, p_is_cut, v_is_open, p_ref, p_received_at)
    ON CONFLICT (rental_id, upstream_ref) DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'repeat';
    ELSIF NOT v_is_open THEN
        RETURN 'late';
    END IF;
    UPDATE activations_rental SET messages_count = messages_count + 1, last_message_at = p_now, updated_at = p_now,
        upstream_state = 'received'
    WHERE id = p_id;
    PERFORM rental_due(p_id, 'guard', NULL);
    PERFORM rental_tell(r, 'rental.message_received', jsonb_build_object('message', p_msg_id), p_now);
    RETURN 'new';
END $$;

-- What an end now pays back, term by term, the newest first. p_rule: 'full'; 'days' (whole unused days, each at its
-- term's price); 'paid' (the same, but only as many days as p_cost_back, which the provider paid back, covers);
-- anything else: nothing.
CREATE OR REPLACE FUNCTION rental_refund_due(p_id uuid, p_rule text, p_cost_back bigint, p_now timestamptz)
RETURNS TABLE (term_id uuid, customer_micros bigint, price_micros bigint, cost_micros bigint, days bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    r activations_rental;
    t activations_rentalterm;
    v_left bigint;
BEGIN
    SELECT * INTO r FROM activations_rental WHERE id = p_id;
    v_left := greatest(0, floor(extract(epoch FROM r.ends_at - p_now) / 86400));
    IF p_rule = 'paid' AND r.cost_micros > 0 THEN
        -- Providers pay whole cents, so up to a cent may be missing.
        v_left := least(v_left, (coalesce(p_cost_back, 0) + 10000) * r.hours / (24 * r.cost_micros));
    ELSIF p_rule NOT IN ('full', 'days') THEN
        RETURN;
    END IF;
    FOR t IN SELECT * FROM activations_rentalterm WHERE rental_id = p_id AND state = 'billed' ORDER BY number DESC
    LOOP
        term_id := t.id;
        days := CASE p_rule WHEN 'full' THEN t.hours / 24 ELSE least(v_left, t.hours / 24) END;
        IF p_rule = 'full' THEN
            customer_micros := t.customer_price_micros;
            price_micros := t.price_micros;
            cost_micros := t.cost_micros;
        ELSIF days = 0 THEN
            CONTINUE;
        ELSE  -- whole cents, like everything that customers see
            customer_micros := t.customer_price_micros * 24 * days / t.hours / 10000 * 10000;
            price_micros := t.price_micros * 24 * days / t.hours / 10000 * 10000;
            cost_micros := t.cost_micros * 24 * days / t.hours;
            v_left := v_left - days;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- N4, N5, N6, N7. p_to: the state afterwards; 'expired' only at its end, 'finished' only while no cancel is under way,
-- for which the provider may be paying back. p_rule: see rental_refund_due; 'full' only while no message came.
-- p_cost_back: what the provider paid back (NULL: it did not say, and what its rule promises is taken for paid).
CREATE OR REPLACE FUNCTION rental_close(
    p_id uuid, p_to text, p_upstream_state text, p_rule text, p_cost_back bigint, p_now timestamptz
) RETURNS activations_rental LANGUAGE plpgsql AS $$
DECLARE
    r activations_rental;
    v_back record;
    v_left bigint := p_cost_back;
    v_cost bigint;
    v_missing bigint := 0;
    v_newest uuid;
BEGIN
    SELECT * INTO r FROM activations_rental WHERE id = p_id FOR NO KEY UPDATE;
    IF r.rental_status <> 'active' OR r.lease_state <> 'leased' OR r.extending IS NOT NULL
        OR (p_rule = 'full' AND r.messages_count > 0)
        OR (p_to = 'expired' AND r.ends_at > p_now)
        OR (p_to = 'finished' AND r.cancel_requested_at IS NOT NULL) THEN
        RETURN r;
    END IF;
    UPDATE activations_rental SET
        rental_status = p_to, upstream_state = p_upstream_state, cancel_requested_at = NULL, updated_at = p_now,
        ended_at = p_now
    WHERE id = p_id;
    DELETE FROM activations_rentaldue WHERE rental_id = p_id;
    PERFORM rental_tell(r, 'rental.ended', jsonb_build_object('status', p_to), p_now);
    FOR v_back IN SELECT * FROM rental_refund_due(p_id, p_rule, p_cost_back, p_now) LOOP
        -- What the provider paid goes to the newest terms first, to each at most its cost.
        SELECT least(t.cost_micros, coalesce(v_left, v_back.cost_micros)) INTO v_cost
        FROM activations_rentalterm t WHERE t.id = v_back.term_id;
        v_left := v_left - v_cost;
        v_missing := v_missing + v_back.cost_micros - v_cost;
        v_newest := coalesce(v_newest, v_back.term_id);
        UPDATE activations_rentalterm
        SET customer_refund_micros = v_back.customer_micros, refund_micros = v_back.price_micros
        WHERE id = v_back.term_id;
        UPDATE activations_rental SET
            billing_status = 'refunded', refund_days = refund_days + v_back.days,
            customer_refund_micros = customer_refund_micros + v_back.customer_micros,
            refund_micros = refund_micros + v_back.price_micros, cost_refund_micros = cost_refund_micros + v_cost
        WHERE id = p_id;
        IF EXISTS (SELECT 1 FROM billing_transaction WHERE order_id = v_back.term_id AND kind = 'rental_charge') THEN
            PERFORM ledger_pay_back('rental_refund', v_back.term_id, v_back.customer_micros, v_back.price_micros,
                v_cost, p_now);
        END IF;
    END LOOP;
    IF v_missing > 0 THEN
        PERFORM rental_at_risk(v_newest, r.tenant_id, r.provider_id, 'kept_fee', v_missing,
            'the provider paid back less than the customer got', p_now);
    END IF;
    SELECT * INTO r FROM activations_rental WHERE id = p_id;
    RETURN r;
END $$;

-- Switching automatic renewal on or off: while the rental runs. p_renew_at NULL or p_on false: nothing is due.
CREATE OR REPLACE FUNCTION rental_set_renewal(
    p_id uuid, p_on boolean, p_hours bigint, p_max_price bigint, p_renew_at timestamptz, p_now timestamptz
) RETURNS activations_rental LANGUAGE plpgsql AS $$
DECLARE
    r activations_rental;
BEGIN
    UPDATE activations_rental SET
        auto_renew = p_on, renew_hours = CASE WHEN p_on THEN p_hours ELSE renew_hours END,
        renew_max_price_micros = CASE WHEN p_on THEN p_max_price ELSE renew_max_price_micros END,
        renew_refusal = '', updated_at = p_now
    WHERE id = p_id AND rental_status = 'active' AND lease_state = 'leased' AND (can_extend OR NOT p_on)
    RETURNING * INTO r;
    IF FOUND THEN
        PERFORM rental_due(p_id, 'renew', CASE WHEN p_on THEN p_renew_at END);
    END IF;
    RETURN r;
END $$;
