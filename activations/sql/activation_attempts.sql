-- Between the two transactions of an order: the provider said no, and the next one is tried or none is left.

-- Settles the attempt that failed and writes the next one before it is sent. Holds follow the new prices, the
-- customer's first; PT402 when they are not covered. False: the activation is no longer ordering.
CREATE OR REPLACE FUNCTION activation_next_attempt(
    p_id uuid, p_old_ref text, p_outcome text, p_reason text,
    p_provider bigint, p_offer bigint, p_our_ref text, p_ceiling bigint,
    p_price bigint, p_tenant_hold bigint, p_customer_price bigint, p_due_price bigint, p_due_customer bigint,
    p_now timestamptz, p_lost_at timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
BEGIN
    SELECT * INTO a FROM activations_activation WHERE id = p_id FOR NO KEY UPDATE;
    IF a.lease_state <> 'ordering' THEN
        RETURN false;
    END IF;
    UPDATE activations_attempt SET outcome = p_outcome, reason = p_reason, ended_at = p_now
    WHERE our_ref = p_old_ref;
    INSERT INTO activations_attempt (tenant_id, activation_id, provider_id, offer_id, our_ref, ceiling_micros, started_at)
    VALUES (a.tenant_id, p_id, p_provider, p_offer, p_our_ref, p_ceiling, p_now);
    UPDATE activations_activation SET
        provider_id = p_provider, offer_id = p_offer, cost_micros = p_ceiling, price_micros = p_price,
        customer_price_micros = p_customer_price, due_price_micros = p_due_price,
        due_customer_price_micros = p_due_customer, updated_at = p_now
    WHERE id = p_id;
    UPDATE activations_check SET provider_id = p_provider, due_at = p_lost_at WHERE activation_id = p_id;
    IF a.customer_price_micros <> p_customer_price THEN
        PERFORM activation_set_hold(p_id, a.tenant_id, a.customer_id, p_customer_price);
    END IF;
    PERFORM activation_set_hold(p_id, a.tenant_id, NULL, p_tenant_hold);
    RETURN true;
END $$;

-- The open hold of an order becomes p_micros; a hold that was never needed is made.
CREATE OR REPLACE FUNCTION activation_set_hold(p_id uuid, p_tenant bigint, p_customer bigint, p_micros bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_held bigint;
BEGIN
    SELECT h.amount_micros INTO v_held FROM billing_hold h JOIN billing_wallet w ON w.id = h.wallet_id
    WHERE h.order_id = p_id AND w.customer_id IS NOT DISTINCT FROM p_customer;
    IF v_held IS NULL THEN
        PERFORM ledger_hold(p_id, p_tenant, p_customer, p_micros);
    ELSIF v_held <> p_micros THEN
        PERFORM ledger_adjust_hold(p_id, p_tenant, p_customer, p_micros);
    END IF;
END $$;

-- From when on a settled attempt is looked for in its provider's list all the same: one that two lists did not show may
-- have been sold late. NULL: its outcome is known for certain, or no list could tell.
CREATE OR REPLACE FUNCTION attempt_look_at(p_outcome text, t activations_attempt, p_now timestamptz)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_outcome = 'released' AND t.empty_lists >= 2 AND t.upstream_ref = ''
        THEN p_now + interval '30 seconds' END
$$;

-- No provider sold it: closed, hidden, money back. p_answer is what the request key answers from now on (NULL:
-- the key is free again, because nothing was decided). An activation that is not ordering stays as it is.
CREATE OR REPLACE FUNCTION activation_unsold(
    p_id uuid, p_our_ref text, p_outcome text, p_reason text, p_refusal text, p_answer text, p_token text,
    p_now timestamptz
) RETURNS activations_activation LANGUAGE plpgsql AS $$
DECLARE
    a activations_activation;
BEGIN
    SELECT * INTO a FROM activations_activation WHERE id = p_id FOR NO KEY UPDATE;
    IF a.lease_state <> 'ordering' THEN
        RETURN a;
    END IF;
    UPDATE activations_activation SET
        lease_state = 'unsold', activation_status = 'canceled', billing_status = 'released',
        refusal = p_refusal, updated_at = p_now, ended_at = p_now
    WHERE id = p_id RETURNING * INTO a;
    UPDATE activations_attempt t SET
        outcome = p_outcome, reason = p_reason, ended_at = p_now, look_at = attempt_look_at(p_outcome, t, p_now)
    WHERE our_ref = p_our_ref;
    DELETE FROM activations_check WHERE activation_id = p_id;
    IF p_answer IS NULL THEN
        DELETE FROM activations_requestkey WHERE activation_id = p_id;
    ELSE
        UPDATE activations_requestkey SET refusal = p_answer::jsonb WHERE activation_id = p_id;
    END IF;
    IF p_token IS NOT NULL THEN
        UPDATE activations_pricetoken SET used_at = NULL WHERE token = p_token;
    END IF;
    PERFORM ledger_release(p_id, p_now);
    RETURN a;
END $$;

-- What a case of money at risk becomes when more is added to it, and what its note says then.
CREATE OR REPLACE FUNCTION risk_state_with_more(p_state text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_state IN ('recovered', 'written_off') THEN 'open' ELSE p_state END
$$;

CREATE OR REPLACE FUNCTION risk_note(p_note text, p_state text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_state
        WHEN 'recovered' THEN 'a further fee came after the case was settled as recovered'
        WHEN 'written_off' THEN 'a further fee came after the case was settled as written off'
        ELSE p_note END
$$;

-- A provider may have sold, or keeps money for, something that nobody here paid for: once per kind and provider. Only a
-- fee for the number of the order itself is added to those for numbers that were not sold, once. A case that somebody
-- settled before that opens again, for the fee that he did not know of; what came back stays noted.
CREATE OR REPLACE FUNCTION activation_at_risk(
    p_id uuid, p_tenant bigint, p_provider bigint, p_kind text, p_micros bigint, p_note text, p_now timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO activations_moneyatrisk AS r
        (tenant_id, activation_id, provider_id, kind, amount_micros, note, state, created_at)
    VALUES (p_tenant, p_id, p_provider, p_kind, p_micros, p_note, 'open', p_now)
    ON CONFLICT (activation_id, kind, provider_id) DO UPDATE
    SET amount_micros = r.amount_micros + excluded.amount_micros,
        note = risk_note(excluded.note, r.state), state = risk_state_with_more(r.state)
    WHERE r.kind = 'kept_fee' AND r.amount_micros = (
        SELECT sum(t.kept_fee_micros) FROM activations_attempt t
        WHERE t.activation_id = p_id AND t.provider_id = p_provider);
END $$;

-- A number that nobody was sold was cancelled at a provider, which keeps a fee: added up over the attempts of an order,
-- each of which has one number at most. It is the latest attempt there, since no other is made before this one is settled.
CREATE OR REPLACE FUNCTION activation_unsold_fee(
    p_id uuid, p_tenant bigint, p_provider bigint, p_micros bigint, p_note text, p_now timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE activations_attempt SET kept_fee_micros = p_micros
    WHERE kept_fee_micros = 0
      AND id = (SELECT max(id) FROM activations_attempt WHERE activation_id = p_id AND provider_id = p_provider);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO activations_moneyatrisk AS r
        (tenant_id, activation_id, provider_id, kind, amount_micros, note, state, created_at)
    VALUES (p_tenant, p_id, p_provider, 'kept_fee', p_micros, p_note, 'open', p_now)
    ON CONFLICT (activation_id, kind, provider_id) DO UPDATE
    SET amount_micros = r.amount_micros + excluded.amount_micros,
        note = risk_note(r.note, r.state), state = risk_state_with_more(r.state);
END $$;
