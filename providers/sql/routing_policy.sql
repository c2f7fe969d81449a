-- What a tenant's routing policy leaves out, by the rules of the router (providers/routing_facts.py), for lists of what is
-- on sale: what an order would not buy is not advertised.

-- A policy's rules in one value, put together once for a list: NULL when it leaves nothing out. `deny` and `least` (least
-- success in percent) by "provider|service|country", each part empty for all; `spent`: providers whose cap is reached.
CREATE OR REPLACE FUNCTION policy_rules(p_tenant bigint, p_now timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH rule AS (
        SELECT concat_ws('|', coalesce(r.provider_id::text, ''), coalesce(r.service_id, ''), coalesce(r.country_id, ''))
                AS place, r.provider_id, r.verdict, r.min_success_percent, r.spent_until
        FROM providers_routingrule r WHERE r.tenant_id = p_tenant
    ), found AS (
        SELECT coalesce(jsonb_object_agg(place, verdict = 'deny') FILTER (WHERE verdict <> ''), '{}') AS deny,
            coalesce(jsonb_object_agg(place, min_success_percent) FILTER (WHERE min_success_percent IS NOT NULL), '{}')
                AS least,
            coalesce(jsonb_object_agg(provider_id, true) FILTER (WHERE spent_until > p_now), '{}') AS spent
        FROM rule
    ), whole AS (
        SELECT deny, spent, CASE WHEN p.min_success_percent IS NULL OR least ? '||' THEN least
            ELSE least || jsonb_build_object('||', p.min_success_percent) END AS least
        FROM providers_routingpolicy p, found WHERE p.tenant_id = p_tenant
    )
    SELECT jsonb_build_object('deny', deny, 'least', least, 'spent', spent) FROM whole
    WHERE deny <> '{}' OR least <> '{}' OR spent <> '{}'
$$;

-- Whether these rules let this be bought: its cap not reached, not denied, and not known to be unreliable. Each setting
-- is that of the most particular rule that has it; each figure the narrowest one of 20 orders.
CREATE OR REPLACE FUNCTION policy_allows(
    p_rules jsonb, p_provider bigint, p_service text, p_country text, p_operator text
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    p text := p_provider::text;
    sc text := '|' || p_service || '|' || p_country;
    s text := '|' || p_service || '|';
    c text := '||' || p_country;
    v_all jsonb := p_rules -> 'deny';
    v_least int;
    v_is_fine boolean;
BEGIN
    IF p_rules -> 'spent' ? p OR coalesce(v_all -> (p || sc), v_all -> (p || s), v_all -> (p || c), v_all -> (p || '||'),
                                          v_all -> sc, v_all -> s, v_all -> c, v_all -> '||') = 'true' THEN
        RETURN false;
    END IF;
    v_all := p_rules -> 'least';
    IF v_all = '{}' THEN
        RETURN true;
    END IF;
    v_least := coalesce(v_all -> (p || sc), v_all -> (p || s), v_all -> (p || c), v_all -> (p || '||'),
                        v_all -> sc, v_all -> s, v_all -> c, v_all -> '||')::int;
    IF v_least IS NULL THEN
        RETURN true;
    END IF;
    SELECT q.orders < 20 OR q.codes * 100 >= v_least * q.orders INTO v_is_fine FROM providers_routequality q
    WHERE q.provider_id = p_provider AND (q.orders >= 20 OR q.country_id = '') AND (
        (q.service_id = p_service AND q.country_id = p_country AND q.operator IN (p_operator, ''))
        OR (q.service_id = '' AND q.operator = '' AND q.country_id IN (p_country, '')))
    ORDER BY q.service_id = '', q.country_id = '', q.operator = '' LIMIT 1;
    RETURN coalesce(v_is_fine, true);
END $$;

-- Published lists follow policies and their rules; figures of routes are looked at when a list is written.
CREATE OR REPLACE TRIGGER prices_follow_policies AFTER INSERT OR UPDATE OR DELETE ON providers_routingpolicy
    FOR EACH ROW EXECUTE FUNCTION note_catalogue_change('prices');
CREATE OR REPLACE TRIGGER prices_follow_routing_rules AFTER INSERT OR UPDATE OR DELETE ON providers_routingrule
    FOR EACH ROW EXECUTE FUNCTION note_catalogue_change('prices');
