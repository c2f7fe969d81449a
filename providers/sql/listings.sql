-- What a reseller lists and what he calls it: the one rule for everything that sells, lists or shows services
-- and countries. A test twin has its reseller's catalogue. Plain SQL, so that the planner puts the bodies into
-- the queries that ask: an order needs no statement more, and no more than two look-ups by key.

-- All of them under the reseller's names, for what was bought already.
CREATE OR REPLACE FUNCTION all_services(of_tenant bigint) RETURNS TABLE (
    id varchar, name varchar, alt_names varchar[], website varchar, icon varchar, popular_rank integer,
    prohibited boolean, description text, warning text, is_other boolean, code_pattern varchar, is_off boolean
) LANGUAGE sql STABLE AS $$
    SELECT s.id, coalesce(nullif(l.name, ''), s.name), s.alt_names, s.website, s.icon, s.popular_rank,
        s.prohibited, s.description, s.warning, s.is_other, s.code_pattern, coalesce(l.is_off, false)
    FROM providers_service s
    LEFT JOIN providers_listing l ON l.service_id = s.id AND l.tenant_id = (
        SELECT coalesce(t.live_tenant_id, t.id) FROM accounts_tenant t WHERE t.id = of_tenant)
$$;

CREATE OR REPLACE FUNCTION all_countries(of_tenant bigint) RETURNS TABLE (
    id varchar, name varchar, alt_names varchar[], iso2 varchar, dial_codes varchar[], is_virtual boolean,
    parent_id varchar, is_off boolean
) LANGUAGE sql STABLE AS $$
    SELECT c.id, coalesce(nullif(l.name, ''), c.name), c.alt_names, c.iso2, c.dial_codes, c.is_virtual,
        c.parent_id, coalesce(l.is_off, false)
    FROM providers_country c
    LEFT JOIN providers_listing l ON l.country_id = c.id AND l.tenant_id = (
        SELECT coalesce(t.live_tenant_id, t.id) FROM accounts_tenant t WHERE t.id = of_tenant)
$$;

-- What he did not switch off. To his customers the rest does not exist.
CREATE OR REPLACE FUNCTION listed_services(of_tenant bigint) RETURNS TABLE (
    id varchar, name varchar, alt_names varchar[], website varchar, icon varchar, popular_rank integer,
    prohibited boolean, description text, warning text, is_other boolean, code_pattern varchar, is_off boolean
) LANGUAGE sql STABLE AS $$ SELECT * FROM all_services(of_tenant) s WHERE NOT s.is_off $$;

CREATE OR REPLACE FUNCTION listed_countries(of_tenant bigint) RETURNS TABLE (
    id varchar, name varchar, alt_names varchar[], iso2 varchar, dial_codes varchar[], is_virtual boolean,
    parent_id varchar, is_off boolean
) LANGUAGE sql STABLE AS $$ SELECT * FROM all_countries(of_tenant) c WHERE NOT c.is_off $$;

-- Published lists of the reseller and of his twin are written anew.
CREATE OR REPLACE FUNCTION note_listing_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO providers_cataloguechange (topic, tenant_id)
    SELECT topic, t.id FROM accounts_tenant t, unnest(ARRAY['catalogue', 'prices']) AS topic
    WHERE coalesce(NEW.tenant_id, OLD.tenant_id) IN (t.id, t.live_tenant_id);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER lists_follow_listings AFTER INSERT OR UPDATE OR DELETE ON providers_listing
    FOR EACH ROW EXECUTE FUNCTION note_listing_change();
