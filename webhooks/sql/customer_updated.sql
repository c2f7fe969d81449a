-- A customer's status changed, by whatever hand: the event is written with it.
CREATE OR REPLACE FUNCTION webhooks_customer_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhooks_event (tenant_id, customer_id, type, payload, created_at)
    VALUES (NEW.tenant_id, NEW.id, 'customer.updated', '{}', NEW.updated_at);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER customer_updated AFTER UPDATE OF status ON accounts_customer
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION webhooks_customer_updated();
