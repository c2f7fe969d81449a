-- How good routes prove to be: numbers that ended are counted once, by day and by the wait for their first code, for
-- the operator, the service in the country, the country and the provider; figures of the last days are added up from
-- those counts. What they cost is summed up beside it, by day, provider and tenant, for daily caps. Nothing here waits for an order or keeps one waiting.

-- Upper ends of the waits in seconds; place 0 is "up to 5 s", the last "longer than 20 minutes".
CREATE OR REPLACE FUNCTION route_waits() RETURNS int[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT '{5,10,15,20,25,30,40,50,60,75,90,120,150,180,240,300,420,600,900,1200,1800}'::int[] $$;

-- Counts what ended up to p_until, a quarter of a day at most; returns where the mark now stands, NULL while another
-- sweep counts. A number counts when it ends, whatever it brought: counting codes when they come and failures when they
-- end would flatter every route. An order that was moved to another number counts for each of them. Left out is what its
-- buyer gave back within p_patience, before a code could be expected. A transaction that takes longer to commit than the
-- mark lags behind is not counted: this is a statistic, not a ledger.
CREATE OR REPLACE FUNCTION route_count(p_until timestamptz, p_days bigint, p_patience interval)
RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    v_oldest timestamptz := p_until - p_days * interval '1 day';
    v_from timestamptz;
    v_until timestamptz;
BEGIN
    SELECT counted_until INTO v_from FROM providers_routemark WHERE id = 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        INSERT INTO providers_routemark (id, counted_until) VALUES (1, v_oldest)
        ON CONFLICT DO NOTHING RETURNING counted_until INTO v_from;
    END IF;
    IF v_from IS NULL OR v_from >= p_until THEN
        RETURN v_from;
    END IF;
    v_from := greatest(v_from, v_oldest);
    v_until := least(p_until, v_from + interval '6 hours');
    WITH ended AS (
        SELECT coalesce(t.provider_id, a.provider_id) AS provider_id, a.service_id, a.country_id,
            CASE WHEN t.outcome = 'exchanged' THEN coalesce(o.operator, '') ELSE a.operator END AS operator,
            (a.ended_at AT TIME ZONE 'UTC')::date AS day,
            CASE WHEN a.billing_status = 'billed' AND t.outcome IS DISTINCT FROM 'exchanged' THEN
                least(width_bucket(extract(epoch FROM code.at - coalesce(t.ended_at, a.created_at))::int - 1,
                                   route_waits()), 20)
                ELSE -1 END AS wait
        FROM activations_activation a
        LEFT JOIN activations_attempt t ON t.activation_id = a.id AND t.outcome IN ('leased', 'exchanged')
        LEFT JOIN providers_offer o ON o.id = t.offer_id
        CROSS JOIN LATERAL (SELECT CASE a.sms_status WHEN 'smsRequested' THEN NULL WHEN 'smsReceived' THEN a.received_at
            ELSE (SELECT min(m.received_at) FROM activations_message m WHERE m.activation_id = a.id) END) AS code (at)
        WHERE a.ended_at > v_from AND a.ended_at <= v_until AND a.erased_at IS NULL AND a.lease_state = 'leased'
            AND (a.activation_status <> 'canceled' OR t.outcome = 'exchanged'
                 OR a.ended_at - coalesce(t.ended_at, a.created_at) >= p_patience)
    ), fine AS (
        SELECT provider_id, service_id, country_id, CASE operator WHEN 'any' THEN '' ELSE operator END AS operator, day,
            wait, count(*) AS orders
        FROM ended WHERE provider_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
    ), counted AS (
        INSERT INTO providers_routeoutcome AS c
            (provider_id, service_id, country_id, operator, day, wait, orders)
        SELECT provider_id, coalesce(service_id, ''), coalesce(country_id, ''), coalesce(operator, ''), day, wait,
            sum(orders)
        FROM fine
        GROUP BY day, wait, provider_id, GROUPING SETS (
            (service_id, country_id, operator), (service_id, country_id), (country_id), ())
        HAVING GROUPING(operator) = 1 OR operator <> ''
        ON CONFLICT (provider_id, service_id, country_id, operator, day, wait)
        DO UPDATE SET orders = c.orders + excluded.orders
        RETURNING provider_id, service_id, country_id, operator
    )
    INSERT INTO providers_routequality (provider_id, service_id, country_id, operator, orders, codes, due_at)
    SELECT DISTINCT provider_id, service_id, country_id, operator, 0, 0, v_until FROM counted
    ON CONFLICT (service_id, country_id, provider_id, operator) DO UPDATE SET due_at = excluded.due_at;
    INSERT INTO providers_providerspend AS s (provider_id, tenant_id, day, cost_micros)
    SELECT a.provider_id, a.tenant_id, (a.ended_at AT TIME ZONE 'UTC')::date, sum(a.cost_micros)
    FROM activations_activation a
    WHERE a.ended_at > v_from AND a.ended_at <= v_until AND a.erased_at IS NULL
        AND a.billing_status IN ('billed', 'refunded') AND a.provider_id IS NOT NULL
    GROUP BY 1, 2, 3
    ON CONFLICT (day, provider_id, tenant_id) DO UPDATE SET cost_micros = s.cost_micros + excluded.cost_micros;
    DELETE FROM providers_providerspend WHERE day < (v_until AT TIME ZONE 'UTC')::date - 35;
    UPDATE providers_routemark SET counted_until = v_until WHERE id = 1;
    RETURN v_until;
END $$;

-- Adds up the figures that are due, p_batch at most, and forgets what is older than the window; how many were due.
-- A figure is due when something was counted for it, and at midnight, when a day leaves the window. The router reads
-- them from one sheet for each pair of service and country, without those of fewer than p_sample orders.
CREATE OR REPLACE FUNCTION route_refresh(p_now timestamptz, p_days bigint, p_batch bigint, p_sample bigint)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_first date := (p_now AT TIME ZONE 'UTC')::date - p_days::int;
    v_midnight timestamptz := (date_trunc('day', p_now AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC';
    v_due bigint[];
    v_services text[];
    v_countries text[];
BEGIN
    PERFORM 1 FROM providers_routemark WHERE id = 1 FOR UPDATE SKIP LOCKED;  -- nobody counts meanwhile
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT array_agg(id) INTO v_due FROM (
        SELECT id FROM providers_routequality WHERE due_at <= p_now ORDER BY due_at LIMIT p_batch
        FOR UPDATE SKIP LOCKED) AS due;
    IF v_due IS NULL THEN
        RETURN 0;
    END IF;
    DELETE FROM providers_routeoutcome c USING providers_routequality q
    WHERE q.id = ANY (v_due) AND c.provider_id = q.provider_id AND c.service_id = q.service_id
        AND c.country_id = q.country_id AND c.operator = q.operator AND c.day <= v_first;
    WITH bucket AS (
        SELECT q.id, c.wait, sum(c.orders) AS orders
        FROM providers_routequality q JOIN providers_routeoutcome c
            ON c.provider_id = q.provider_id AND c.service_id = q.service_id AND c.country_id = q.country_id
            AND c.operator = q.operator
        WHERE q.id = ANY (v_due) GROUP BY q.id, c.wait
    ), running AS (
        SELECT id, wait, orders,
            sum(orders) FILTER (WHERE wait >= 0) OVER (PARTITION BY id ORDER BY wait) AS reached,
            sum(orders) FILTER (WHERE wait >= 0) OVER (PARTITION BY id) AS codes
        FROM bucket
    ), figure AS (
        SELECT id, sum(orders) AS orders, coalesce(max(codes), 0) AS codes,
            min(wait) FILTER (WHERE wait >= 0 AND reached * 2 >= codes) AS median,
            min(wait) FILTER (WHERE wait >= 0 AND reached * 10 >= codes * 9) AS p90
        FROM running GROUP BY id
    )
    UPDATE providers_routequality q SET orders = figure.orders, codes = figure.codes, due_at = v_midnight,
        median_seconds = (route_waits())[figure.median + 1], p90_seconds = (route_waits())[figure.p90 + 1]
    FROM figure WHERE q.id = figure.id;
    SELECT array_agg(service_id), array_agg(country_id) INTO v_services, v_countries
    FROM (SELECT DISTINCT service_id, country_id FROM providers_routequality WHERE id = ANY (v_due)) AS pair;
    DELETE FROM providers_routequality WHERE id = ANY (v_due) AND due_at <= p_now;  -- nothing was left to add up
    INSERT INTO providers_routesheet AS s (service_id, country_id, figures)
    SELECT pair.service_id, pair.country_id, coalesce((
        SELECT json_agg(json_build_array(q.provider_id, q.operator, q.orders, q.codes, q.p90_seconds)
                        ORDER BY q.provider_id, q.operator)::text
        FROM providers_routequality q
        WHERE q.service_id = pair.service_id AND q.country_id = pair.country_id
            AND (q.orders >= p_sample OR q.country_id = '')), '[]')
    FROM unnest(v_services, v_countries) AS pair (service_id, country_id)
    ON CONFLICT (service_id, country_id) DO UPDATE SET figures = excluded.figures;
    RETURN cardinality(v_due);
END $$;
