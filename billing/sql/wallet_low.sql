-- What is left to spend fell below the wallet's threshold: told once per fall, in the transaction of the fall,
-- and again only after it was above. The condition is examined before anything is called, so that a wallet
-- without a threshold, or far from it, pays next to nothing.
CREATE OR REPLACE FUNCTION billing_wallet_low() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO webhooks_event (tenant_id, customer_id, type, payload, created_at)
    VALUES (NEW.tenant_id, NEW.customer_id, 'wallet.low_balance', '{}', now());
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER wallet_low AFTER UPDATE ON billing_wallet
    FOR EACH ROW WHEN (
        NEW.balance_micros - NEW.held_micros < NEW.low_balance_micros
        AND OLD.balance_micros - OLD.held_micros >= NEW.low_balance_micros
    ) EXECUTE FUNCTION billing_wallet_low();
