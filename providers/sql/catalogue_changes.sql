-- Notes that a row changed which published lists are made from. Argument: the topic.
-- The list of everybody is meant where the row has no tenant.
CREATE OR REPLACE FUNCTION note_catalogue_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
BEGIN
    INSERT INTO providers_cataloguechange (topic, tenant_id)
    SELECT DISTINCT TG_ARGV[0], (version ->> 'tenant_id')::bigint
    FROM unnest(ARRAY[before, after]) AS version
    WHERE version IS NOT NULL;
    RETURN NULL;
END $$;

-- A provider's health has no tenant of its own.
CREATE OR REPLACE FUNCTION note_health_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO providers_cataloguechange (topic, tenant_id)
    SELECT 'prices', p.tenant_id FROM providers_provider p WHERE p.id = coalesce(NEW.provider_id, OLD.provider_id);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER prices_follow_rules AFTER INSERT OR UPDATE OR DELETE ON billing_pricerule
    FOR EACH ROW EXECUTE FUNCTION note_catalogue_change('prices');

CREATE OR REPLACE TRIGGER prices_follow_new_providers AFTER INSERT OR DELETE ON providers_provider
    FOR EACH ROW EXECUTE FUNCTION note_catalogue_change('prices');
CREATE OR REPLACE TRIGGER prices_follow_providers
    AFTER UPDATE OF tenant_id, protocol, priority, is_enabled, serves_test, serves_live ON providers_provider
    FOR EACH ROW EXECUTE FUNCTION note_catalogue_change('prices');

-- Failures are counted often; only a change of who may be asked matters.
CREATE OR REPLACE TRIGGER prices_follow_health AFTER UPDATE ON providers_providerhealth
    FOR EACH ROW WHEN ((OLD.state, OLD.blocked_until) IS DISTINCT FROM (NEW.state, NEW.blocked_until))
    EXECUTE FUNCTION note_health_change();
CREATE OR REPLACE TRIGGER prices_follow_first_trouble AFTER INSERT ON providers_providerhealth
    FOR EACH ROW WHEN (NEW.state <> 'ok') EXECUTE FUNCTION note_health_change();

CREATE OR REPLACE TRIGGER prices_follow_prohibitions AFTER UPDATE OF prohibited ON providers_service
    FOR EACH ROW WHEN (OLD.prohibited <> NEW.prohibited) EXECUTE FUNCTION note_catalogue_change('prices');
-- Lists of dialects are written in the codes of their own map; those of a provider's account stand in none.
CREATE OR REPLACE TRIGGER prices_follow_new_codes AFTER INSERT ON providers_codemap
    FOR EACH ROW WHEN (NEW.scheme NOT LIKE 'provider:%') EXECUTE FUNCTION note_catalogue_change('prices');
CREATE OR REPLACE TRIGGER prices_follow_codes AFTER UPDATE ON providers_codemap
    FOR EACH ROW WHEN (NEW.scheme NOT LIKE 'provider:%' AND (OLD.canonical_id, OLD.code) <> (NEW.canonical_id, NEW.code))
    EXECUTE FUNCTION note_catalogue_change('prices');
CREATE OR REPLACE TRIGGER prices_follow_lost_codes AFTER DELETE ON providers_codemap
    FOR EACH ROW WHEN (OLD.scheme NOT LIKE 'provider:%') EXECUTE FUNCTION note_catalogue_change('prices');
-- One note per statement: the catalogue is loaded as a whole.
CREATE OR REPLACE FUNCTION note_new_catalogue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO providers_cataloguechange (topic) VALUES ('catalogue');
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER catalogue_follows_services AFTER INSERT OR UPDATE OR DELETE ON providers_service
    FOR EACH STATEMENT EXECUTE FUNCTION note_new_catalogue();
CREATE OR REPLACE TRIGGER catalogue_follows_countries AFTER INSERT OR UPDATE OR DELETE ON providers_country
    FOR EACH STATEMENT EXECUTE FUNCTION note_new_catalogue();
