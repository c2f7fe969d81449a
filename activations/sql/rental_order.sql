-- Renting a number (N1), from the hold to the lease or back. Locks everywhere: request key, rental, the customer's
-- wallet, the tenant's wallet last. Money is held and moved under the id of a term; the first term has the rental's.

-- Sets, moves or (NULL) removes what is due of one kind.
CREATE OR REPLACE FUNCTION rental_due(p_id uuid, p_kind text, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_at IS NULL THEN
        DELETE FROM activations_rentaldue WHERE rental_id = p_id AND kind = p_kind;
    ELSE
        INSERT INTO activations_rentaldue (tenant_id, rental_id, provider_id, kind, due_at)
        SELECT r.tenant_id, r.id, r.provider_id, p_kind, p_at FROM activations_rental r WHERE r.id = p_id
        ON CONFLICT (rental_id, kind) DO UPDATE
        SET due_at = excluded.due_at, provider_id = excluded.provider_id, tries = 0, parked_reason = '';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION rental_tell(p_rental activations_rental, p_type text, p_payload jsonb, p_now timestamptz)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhooks_event (tenant_id, customer_id, type, order_id, payload, created_at)
    VALUES (p_rental.tenant_id, p_rental.customer_id, p_type, p_rental.id, p_payload, p_now)
$$;

-- A provider may have sold, or keeps money for, a term that nobody here paid for: once per kind.
CREATE OR REPLACE FUNCTION rental_at_risk(
    p_term uuid, p_tenant bigint, p_provider bigint, p_kind text, p_micros bigint, p_note text, p_now timestamptz
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO activations_moneyatrisk (tenant_id, term_id, provider_id, kind, amount_micros, note, state, created_at)
    VALUES (p_tenant, p_term, p_provider, p_kind, p_micros, p_note, 'open', p_now)
    ON CONFLICT (term_id, kind) WHERE term_id IS NOT NULL DO NOTHING;
$$;

-- What an earlier call with the same request key came to, for a term; 'opened' when the key is new and now taken.
-- A second call with the same key waits here until the first one's transaction ends.
CREATE OR REPLACE FUNCTION rental_take_key(
    p_tenant bigint, p_customer bigint, p_key text, p_digest bytea, p_term uuid, p_now timestamptz,
    OUT o_word text, OUT o_term uuid, OUT o_refusal jsonb
) LANGUAGE plpgsql AS $$
DECLARE
    v_digest bytea;
BEGIN
    o_word := 'opened';
    o_term := p_term;
    IF p_key IS NULL THEN
        RETURN;
    END IF;
    -- The term is named once it exists; until the end of this transaction nobody else sees the key.
    INSERT INTO activations_requestkey (tenant_id, customer_id, key, digest, created_at)
    VALUES (p_tenant, p_customer, p_key, p_digest, p_now)
    ON CONFLICT (customer_id, key) DO NOTHING;
    IF NOT FOUND THEN
        SELECT k.term_id, k.refusal, k.digest INTO o_term, o_refusal, v_digest
        FROM activations_requestkey k WHERE k.customer_id = p_customer AND k.key = p_key;
        o_word := CASE
            WHEN v_digest IS NULL THEN 'running'
            WHEN v_digest <> p_digest THEN 'mismatch'
            WHEN o_refusal IS NOT NULL THEN 'refused'
            WHEN o_term IS NULL THEN 'running'
            ELSE 'repeat' END;
    END IF;
END $$;

-- Transaction one: everything that must be there before a provider is asked. Refusals are SQLSTATEs of
-- portal/sqlstates.py and leave nothing behind. o_word: see rental_take_key.
CREATE OR REPLACE FUNCTION rental_open(
    p_tenant bigint, p_customer bigint, p_key text, p_digest bytea, p_rnt text, p_channel text,
    p_service text, p_country text, p_operator text, p_provider bigint, p_offer bigint, p_our_ref text,
    p_hours bigint, p_ceiling bigint, p_price bigint, p_tenant_hold bigint, p_customer_price bigint,
    p_routing text, p_limit bigint, p_tenant_limit bigint, p_now timestamptz, p_lost_at timestamptz,
    OUT o_word text, OUT o_term uuid, OUT o_refusal jsonb
) LANGUAGE plpgsql AS $$
DECLARE
    v_active bigint;
BEGIN
    SELECT * INTO o_word, o_term, o_refusal FROM rental_take_key(p_tenant, p_customer, p_key, p_digest, uuidv7(), p_now);
    IF o_word <> 'opened' THEN
        RETURN;
    END IF;
    IF p_customer_price = 0 THEN  -- free: no hold locks the wallet, but the count below needs the lock
        PERFORM 1 FROM billing_wallet WHERE customer_id = p_customer FOR NO KEY UPDATE;
    ELSE
        PERFORM ledger_hold(o_term, p_tenant, p_customer, p_customer_price);
    END IF;
    SELECT count(*) INTO v_active FROM activations_rental
    WHERE tenant_id = p_tenant AND customer_id = p_customer AND rental_status = 'active';
    IF v_active >= p_limit THEN
        RAISE EXCEPTION 'too many active rentals'
            USING ERRCODE = 'PT429', DETAIL = format('customer:%s:%s', p_limit, v_active);
    END IF;

    INSERT INTO activations_rental (
        id, rnt_id, tenant_id, customer_id, channel, service_id, country_id, operator, provider_id, offer_id, hours,
        cost_micros, price_micros, customer_price_micros, day_price_micros, created_at, updated_at, routing
    ) VALUES (
        o_term, p_rnt, p_tenant, p_customer, p_channel, p_service, p_country, p_operator, p_provider, p_offer, p_hours,
        p_ceiling, p_price, p_customer_price, p_customer_price * 24 / p_hours, p_now, p_now, p_routing::jsonb
    );
    INSERT INTO activations_rentalterm
        (id, tenant_id, rental_id, number, hours, cost_micros, price_micros, customer_price_micros, created_at)
    VALUES (o_term, p_tenant, o_term, 1, p_hours, p_ceiling, p_price, p_customer_price, p_now);
    INSERT INTO activations_rentalattempt
        (tenant_id, rental_id, term_id, provider_id, offer_id, our_ref, ceiling_micros, started_at)
    VALUES (p_tenant, o_term, o_term, p_provider, p_offer, p_our_ref, p_ceiling, p_now);
    UPDATE activations_requestkey SET term_id = o_term WHERE customer_id = p_customer AND key = p_key;
    PERFORM rental_due(o_term, 'reconcile', p_lost_at);

    PERFORM ledger_hold(o_term, p_tenant, NULL, p_tenant_hold);
    IF p_tenant_limit IS NOT NULL THEN
        SELECT count(*) INTO v_active FROM activations_rental
        WHERE tenant_id = p_tenant AND rental_status = 'active';
        IF v_active > p_tenant_limit THEN
            RAISE EXCEPTION 'too many active rentals of this reseller'
                USING ERRCODE = 'PT429', DETAIL = format('account:%s:%s', p_tenant_limit, v_active - 1);
        END IF;
    END IF;
END $$;

-- The provider said no, and the next one is tried: its attempt is written before it is sent, and the holds follow
-- the new prices (PT402 when they are not covered). False: the rental is no longer ordering.
CREATE OR REPLACE FUNCTION rental_next_attempt(
    p_id uuid, p_old_ref text, p_outcome text, p_reason text,
    p_provider bigint, p_offer bigint, p_our_ref text, p_ceiling bigint,
    p_price bigint, p_tenant_hold bigint, p_customer_price bigint, p_now timestamptz, p_lost_at timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    r activations_rental;
BEGIN
    SELECT * INTO r FROM activations_rental WHERE id = p_id FOR NO KEY UPDATE;
    IF r.lease_state <> 'ordering' THEN
        RETURN false;
    END IF;
    UPDATE activations_rentalattempt SET outcome = p_outcome, reason = p_reason, ended_at = p_now
    WHERE our_ref = p_old_ref;
    INSERT INTO activations_rentalattempt
        (tenant_id, rental_id, term_id, provider_id, offer_id, our_ref, ceiling_micros, started_at)
    VALUES (r.tenant_id, p_id, p_id, p_provider, p_offer, p_our_ref, p_ceiling, p_now);
    UPDATE activations_rental SET
        provider_id = p_provider, offer_id = p_offer, cost_micros = p_ceiling, price_micros = p_price,
        customer_price_micros = p_customer_price, day_price_micros = p_customer_price * 24 / hours, updated_at = p_now
    WHERE id = p_id;
    UPDATE activations_rentalterm
    SET cost_micros = p_ceiling, price_micros = p_price, customer_price_micros = p_customer_price
    WHERE id = p_id;
    PERFORM rental_due(p_id, 'reconcile', p_lost_at);
    IF r.customer_price_micros <> p_customer_price THEN
        PERFORM activation_set_hold(p_id, r.tenant_id, r.customer_id, p_customer_price);
    END IF;
    PERFORM activation_set_hold(p_id, r.tenant_id, NULL, p_tenant_hold);
    RETURN true;
END $$;

-- Transaction two (N1): the lease that the provider gave, and its charge. Only a rental that is still ordering takes
-- it; otherwise the row comes back as it is. p_price is at most what was held of the tenant.
CREATE OR REPLACE FUNCTION rental_attach(
    p_id uuid, p_our_ref text, p_upstream_ref text, p_phone text, p_formatted text, p_operator text,
    p_cost bigint, p_price bigint, p_own boolean, p_starts_at timestamptz, p_ends_at timestamptz,
    p_guard_until timestamptz, p_guard_at timestamptz, p_can_cancel boolean, p_can_extend boolean,
    p_check_at timestamptz, p_expire_at timestamptz, p_remind_at timestamptz, p_now timestamptz
) RETURNS activations_rental LANGUAGE plpgsql AS $$
DECLARE
    r activations_rental;
BEGIN
    SELECT * INTO r FROM activations_rental WHERE id = p_id FOR NO KEY UPDATE;
    IF r.lease_state <> 'ordering' THEN
        RETURN r;
    END IF;
    UPDATE activations_rental SET
        lease_state = 'leased', billing_status = 'billed', upstream_ref = p_upstream_ref, upstream_state = 'waiting',
        phone = p_phone, formatted = p_formatted, operator = coalesce(nullif(p_operator, ''), operator),
        cost_micros = p_cost, price_micros = p_price, starts_at = p_starts_at, ends_at = p_ends_at,
        guard_until = p_guard_until, can_cancel = p_can_cancel, can_extend = p_can_extend, updated_at = p_now
    WHERE id = p_id RETURNING * INTO r;
    UPDATE activations_rentalterm SET state = 'billed', cost_micros = p_cost, price_micros = p_price, settled_at = p_now
    WHERE id = p_id;
    UPDATE activations_rentalattempt SET outcome = 'leased', ended_at = p_now WHERE our_ref = p_our_ref;
    PERFORM rental_due(p_id, 'reconcile', NULL);
    PERFORM rental_due(p_id, 'status', p_check_at);
    PERFORM rental_due(p_id, 'expire', p_expire_at);
    PERFORM rental_due(p_id, 'guard', p_guard_at);
    PERFORM rental_due(p_id, 'remind', p_remind_at);
    PERFORM rental_tell(r, 'rental.created', '{}', p_now);
    IF r.customer_price_micros > 0 OR (r.price_micros > 0 AND NOT p_own) THEN
        PERFORM ledger_charge('rental_charge', p_id, r.customer_price_micros, r.price_micros, p_cost, p_own, p_now);
    END IF;
    RETURN r;
END $$;

-- What a request key answers from now on (p_answer NULL: it is free again, because nothing was decided).
CREATE OR REPLACE FUNCTION rental_answer_key(p_term uuid, p_answer text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_answer IS NULL THEN
        DELETE FROM activations_requestkey WHERE term_id = p_term;
    ELSE
        UPDATE activations_requestkey SET refusal = p_answer::jsonb WHERE term_id = p_term;
    END IF;
END $$;

-- No provider sold it: closed, hidden, money back. A rental that is not ordering stays as it is.
CREATE OR REPLACE FUNCTION rental_unsold(
    p_id uuid, p_our_ref text, p_outcome text, p_reason text, p_refusal text, p_answer text, p_now timestamptz
) RETURNS activations_rental LANGUAGE plpgsql AS $$
DECLARE
    r activations_rental;
BEGIN
    SELECT * INTO r FROM activations_rental WHERE id = p_id FOR NO KEY UPDATE;
    IF r.lease_state <> 'ordering' THEN
        RETURN r;
    END IF;
    UPDATE activations_rental SET
        lease_state = 'unsold', rental_status = 'canceled', billing_status = 'released',
        refusal = p_refusal, updated_at = p_now, ended_at = p_now
    WHERE id = p_id RETURNING * INTO r;
    UPDATE activations_rentalterm SET state = 'released', settled_at = p_now WHERE id = p_id;
    UPDATE activations_rentalattempt SET outcome = p_outcome, reason = p_reason, ended_at = p_now
    WHERE our_ref = p_our_ref;
    DELETE FROM activations_rentaldue WHERE rental_id = p_id;
    PERFORM rental_answer_key(p_id, p_answer);
    PERFORM ledger_release(p_id, p_now);
    RETURN r;
END $$;
