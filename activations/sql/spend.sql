-- What a tenant (NULL: everybody) spends at a provider on the UTC day that begins at p_midnight: what numbers that ended
-- on that day cost, counted ones from their sums, and every number that is open or still being ordered, used or not;
-- rents and extensions when they are paid, less what came back of them.
CREATE OR REPLACE FUNCTION provider_spent(p_provider bigint, p_tenant bigint, p_midnight timestamptz)
RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (
        coalesce((SELECT sum(s.cost_micros) FROM providers_providerspend s
            WHERE s.day = (p_midnight AT TIME ZONE 'UTC')::date AND s.provider_id = p_provider
                AND (p_tenant IS NULL OR s.tenant_id = p_tenant)), 0)
        + coalesce((SELECT sum(a.cost_micros) FROM activations_activation a
            WHERE a.ended_at > coalesce((SELECT counted_until FROM providers_routemark WHERE id = 1), '-infinity')
                AND a.ended_at >= p_midnight AND a.erased_at IS NULL AND a.provider_id = p_provider
                AND a.billing_status IN ('billed', 'refunded') AND (p_tenant IS NULL OR a.tenant_id = p_tenant)), 0)
        + coalesce((SELECT sum(a.cost_micros) FROM activations_activation a
            WHERE a.activation_status = 'active' AND a.provider_id = p_provider
                AND (p_tenant IS NULL OR a.tenant_id = p_tenant)), 0)
        + coalesce((SELECT sum(greatest(paid.micros - r.cost_refund_micros, 0))
            FROM (SELECT t.rental_id, sum(t.cost_micros) AS micros FROM activations_rentalterm t
                  WHERE (t.settled_at >= p_midnight OR t.settled_at IS NULL) AND t.state <> 'released'
                  GROUP BY t.rental_id) AS paid
            JOIN activations_rental r ON r.id = paid.rental_id
            WHERE r.provider_id = p_provider AND (p_tenant IS NULL OR r.tenant_id = p_tenant)), 0)
    )::bigint
$$;
