-- Making a rental longer (N3): a further term with its own hold and charge. While the provider is asked the rental
-- names the term (`extending`), and nothing else ends or extends it.

-- Before the provider is asked. p_extends_from is the end that the caller saw. PT409 rental_ended, rental_busy.
-- o_word: see rental_take_key; 'moved' when the rental ends at another time by now.
CREATE OR REPLACE FUNCTION rental_extend_open(
    p_tenant bigint, p_customer bigint, p_id uuid, p_key text, p_digest bytea, p_hours bigint, p_ceiling bigint,
    p_price bigint, p_tenant_hold bigint, p_customer_price bigint, p_our_ref text, p_is_renewal boolean,
    p_extends_from timestamptz, p_now timestamptz, p_lost_at timestamptz,
    OUT o_word text, OUT o_term uuid, OUT o_refusal jsonb
) LANGUAGE plpgsql AS $$
DECLARE
    r activations_rental;
    v_number int;
BEGIN
    SELECT * INTO o_word, o_term, o_refusal FROM rental_take_key(p_tenant, p_customer, p_key, p_digest, uuidv7(), p_now);
    IF o_word <> 'opened' THEN
        RETURN;
    END IF;
    SELECT * INTO r FROM activations_rental
    WHERE id = p_id AND tenant_id = p_tenant AND customer_id = p_customer FOR NO KEY UPDATE;
    IF r.rental_status IS DISTINCT FROM 'active' OR r.lease_state <> 'leased' OR NOT r.can_extend
        OR r.cancel_requested_at IS NOT NULL OR r.ends_at <= p_now THEN
        RAISE EXCEPTION 'it cannot be extended' USING ERRCODE = 'PT409', DETAIL = 'rental_ended';
    ELSIF r.extending IS NOT NULL THEN
        RAISE EXCEPTION 'it is being extended' USING ERRCODE = 'PT409', DETAIL = 'rental_busy';
    ELSIF r.ends_at <> p_extends_from THEN
        RAISE EXCEPTION 'it ends at another time' USING ERRCODE = 'PT409', DETAIL = 'rental_busy';
    END IF;
    SELECT max(number) + 1 INTO v_number FROM activations_rentalterm WHERE rental_id = p_id;
    INSERT INTO activations_rentalterm (
        id, tenant_id, rental_id, number, is_renewal, hours, cost_micros, price_micros, customer_price_micros,
        extends_from, created_at
    ) VALUES (
        o_term, p_tenant, p_id, v_number, p_is_renewal, p_hours, p_ceiling, p_price, p_customer_price,
        p_extends_from, p_now
    );
    INSERT INTO activations_rentalattempt
        (tenant_id, rental_id, term_id, provider_id, our_ref, ceiling_micros, started_at)
    VALUES (p_tenant, p_id, o_term, r.provider_id, p_our_ref, p_ceiling, p_now);
    UPDATE activations_rental SET extending = o_term, updated_at = p_now WHERE id = p_id;
    UPDATE activations_requestkey SET term_id = o_term WHERE customer_id = p_customer AND key = p_key;
    PERFORM rental_due(p_id, 'extension', p_lost_at);
    PERFORM ledger_hold(o_term, p_tenant, p_customer, p_customer_price);
    PERFORM ledger_hold(o_term, p_tenant, NULL, p_tenant_hold);
END $$;

-- The provider made it longer: charged, and everything that hangs on the end moves with it. A term that is settled
-- stays as it is. p_cost above the ceiling is the tenant's loss (M6): the charge is at most what was held.
CREATE OR REPLACE FUNCTION rental_extended(
    p_term uuid, p_cost bigint, p_price bigint, p_own boolean, p_ends_at timestamptz,
    p_expire_at timestamptz, p_remind_at timestamptz, p_renew_at timestamptz, p_now timestamptz
) RETURNS activations_rental LANGUAGE plpgsql AS $$
DECLARE
    r activations_rental;
    t activations_rentalterm;
BEGIN
    SELECT * INTO r FROM activations_rental
    WHERE id = (SELECT rental_id FROM activations_rentalterm WHERE id = p_term) FOR NO KEY UPDATE;
    SELECT * INTO t FROM activations_rentalterm WHERE id = p_term;
    IF t.state <> 'pending' THEN
        RETURN r;
    END IF;
    UPDATE activations_rentalterm SET state = 'billed', cost_micros = p_cost, price_micros = p_price, settled_at = p_now
    WHERE id = p_term;
    UPDATE activations_rentalattempt SET outcome = 'leased', ended_at = p_now WHERE term_id = p_term;
    UPDATE activations_rental SET
        extending = NULL, ends_at = p_ends_at, hours = hours + t.hours, cost_micros = cost_micros + p_cost,
        price_micros = price_micros + p_price, customer_price_micros = customer_price_micros + t.customer_price_micros,
        renew_refusal = '', updated_at = p_now
    WHERE id = r.id RETURNING * INTO r;
    PERFORM rental_due(r.id, 'extension', NULL);
    PERFORM rental_due(r.id, 'expire', p_expire_at);
    PERFORM rental_due(r.id, 'remind', p_remind_at);
    PERFORM rental_due(r.id, 'renew', CASE WHEN r.auto_renew THEN p_renew_at END);
    PERFORM rental_tell(r, 'rental.extended', jsonb_build_object('hours', t.hours), p_now);
    IF p_cost > t.cost_micros THEN
        PERFORM rental_at_risk(p_term, r.tenant_id, r.provider_id, 'overcharge', p_cost - t.cost_micros,
            'the provider charged more than was agreed', p_now);
    END IF;
    IF t.customer_price_micros > 0 OR (p_price > 0 AND NOT p_own) THEN
        PERFORM ledger_charge('rental_charge', p_term, t.customer_price_micros, p_price, p_cost, p_own, p_now);
    END IF;
    RETURN r;
END $$;

-- The provider did not: money back. p_answer: see rental_answer_key. A term that is settled stays as it is. Of a
-- renewal the sweep that started it notes and tells why, so that nothing is noted untold.
CREATE OR REPLACE FUNCTION rental_not_extended(
    p_term uuid, p_outcome text, p_reason text, p_answer text, p_now timestamptz
) RETURNS activations_rental LANGUAGE plpgsql AS $$
DECLARE
    r activations_rental;
    t activations_rentalterm;
BEGIN
    SELECT * INTO r FROM activations_rental
    WHERE id = (SELECT rental_id FROM activations_rentalterm WHERE id = p_term) FOR NO KEY UPDATE;
    SELECT * INTO t FROM activations_rentalterm WHERE id = p_term;
    IF t.state <> 'pending' THEN
        RETURN r;
    END IF;
    UPDATE activations_rentalterm SET state = 'released', settled_at = p_now WHERE id = p_term;
    UPDATE activations_rentalattempt SET outcome = p_outcome, reason = p_reason, ended_at = p_now
    WHERE term_id = p_term;
    UPDATE activations_rental SET extending = NULL, updated_at = p_now WHERE id = r.id RETURNING * INTO r;
    PERFORM rental_due(r.id, 'extension', NULL);
    PERFORM rental_answer_key(p_term, p_answer);
    PERFORM ledger_release(p_term, p_now);
    RETURN r;
END $$;
