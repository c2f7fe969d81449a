-- A provider that must be told how each lease ended (activations_ending) is told again whenever an end, or a refund
-- after it, became true. A trigger, because leases end in many places and none may forget it; leases of other
-- providers have no row here.
CREATE OR REPLACE FUNCTION activation_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE activations_ending SET due_at = NEW.updated_at, tries = 0, parked_reason = ''
    WHERE activation_id = NEW.id AND provider_id = NEW.provider_id AND upstream_ref = NEW.upstream_ref;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER activation_ended
AFTER UPDATE OF activation_status, billing_status ON activations_activation FOR EACH ROW
WHEN (OLD.activation_status <> NEW.activation_status OR NEW.billing_status = 'refunded')
EXECUTE FUNCTION activation_ended();

CREATE OR REPLACE FUNCTION rental_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE activations_ending SET due_at = NEW.updated_at, tries = 0, parked_reason = ''
    WHERE rental_id = NEW.id AND provider_id = NEW.provider_id AND upstream_ref = NEW.upstream_ref;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER rental_ended
AFTER UPDATE OF rental_status ON activations_rental FOR EACH ROW
WHEN (OLD.rental_status <> NEW.rental_status)
EXECUTE FUNCTION rental_ended();
