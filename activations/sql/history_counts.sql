-- Counts of past orders by day and state, for exact totals that nobody has to count again.
--
-- Everything of a tenant that was created before its mark is counted: once per customer and once for the whole
-- tenant (customer empty). history_count moves the mark; the trigger keeps what lies below it right when an old order
-- still changes (a late refund, a report). Orders change all the time in their first minutes, so the mark stays two
-- hours behind the present and the trigger looks only at orders older than 90 minutes: hot moves never run it.

CREATE OR REPLACE FUNCTION history_lock_key(p_tenant bigint) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT (p_tenant % 2147483647)::int $$;

-- Counts the tenant's orders up to p_until, at most a week's worth at a time; returns where the mark now stands.
-- Exclusive against the trigger: an order that is being changed is counted either before, and then corrected, or after.
CREATE OR REPLACE FUNCTION history_count(p_tenant bigint, p_until timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    v_from timestamptz;
    v_until timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(7302, history_lock_key(p_tenant));
    SELECT counted_until INTO v_from FROM activations_historymark WHERE tenant_id = p_tenant;
    IF v_from IS NULL THEN
        SELECT min(created_at) INTO v_from FROM activations_activation WHERE tenant_id = p_tenant;
    END IF;
    v_until := least(p_until, v_from + interval '7 days');
    IF v_from IS NULL OR v_until <= v_from THEN
        RETURN v_from;
    END IF;
    INSERT INTO activations_historycount AS c
        (tenant_id, customer_id, day, sms_status, activation_status, billing_status, report_status, count)
    SELECT tenant_id, customer_id, (created_at AT TIME ZONE 'UTC')::date, sms_status, activation_status,
        billing_status, coalesce(report_status, ''), count(*)
    FROM activations_activation
    WHERE tenant_id = p_tenant AND created_at >= v_from AND created_at < v_until AND lease_state <> 'unsold'
    GROUP BY tenant_id, 3, sms_status, activation_status, billing_status, 7, GROUPING SETS ((), (customer_id))
    ON CONFLICT (tenant_id, customer_id, day, sms_status, activation_status, billing_status, report_status)
    DO UPDATE SET count = c.count + excluded.count;
    INSERT INTO activations_historymark (tenant_id, counted_until) VALUES (p_tenant, v_until)
    ON CONFLICT (tenant_id) DO UPDATE SET counted_until = excluded.counted_until;
    RETURN v_until;
END $$;

CREATE OR REPLACE FUNCTION history_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7302, history_lock_key(NEW.tenant_id));
    IF NOT EXISTS (SELECT 1 FROM activations_historymark m
                   WHERE m.tenant_id = NEW.tenant_id AND NEW.created_at < m.counted_until) THEN
        RETURN NULL;
    END IF;
    INSERT INTO activations_historycount AS c
        (tenant_id, customer_id, day, sms_status, activation_status, billing_status, report_status, count)
    SELECT NEW.tenant_id, whose.customer_id, (NEW.created_at AT TIME ZONE 'UTC')::date, was.sms, was.activation,
        was.billing, was.report, sum(was.n)
    FROM (VALUES
        (OLD.sms_status, OLD.activation_status, OLD.billing_status, coalesce(OLD.report_status, ''),
            CASE WHEN OLD.lease_state = 'unsold' THEN 0 ELSE -1 END),
        (NEW.sms_status, NEW.activation_status, NEW.billing_status, coalesce(NEW.report_status, ''),
            CASE WHEN NEW.lease_state = 'unsold' THEN 0 ELSE 1 END)
    ) AS was (sms, activation, billing, report, n)
    CROSS JOIN (VALUES (NEW.customer_id), (NULL::bigint)) AS whose (customer_id)
    GROUP BY whose.customer_id, was.sms, was.activation, was.billing, was.report
    HAVING sum(was.n) <> 0
    ORDER BY whose.customer_id, was.sms, was.activation, was.billing, was.report
    ON CONFLICT (tenant_id, customer_id, day, sms_status, activation_status, billing_status, report_status)
    DO UPDATE SET count = c.count + excluded.count;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER history_follows_old_orders
    AFTER UPDATE OF sms_status, activation_status, billing_status, report_status, lease_state
    ON activations_activation
    FOR EACH ROW WHEN (OLD.created_at < now() - interval '90 minutes')
    EXECUTE FUNCTION history_follow();

-- Ledger entries, counts and reports name orders, so one is never deleted: texts and codes are erased instead. Nothing
-- would correct the counts of an order that vanished.
CREATE OR REPLACE FUNCTION activation_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an order is never deleted: the ledger and the stored counts name it';
END $$;

CREATE OR REPLACE TRIGGER activation_is_kept BEFORE DELETE ON activations_activation
    FOR EACH ROW EXECUTE FUNCTION activation_stays();
