-- Which states an order may be in together (docs/protocols/README.md section 1.4): a check constraint of its table.
-- PostgreSQL trusts that this never changes its mind: a migration that installs another version also drops the
-- constraint and adds it again, so that the rows that are there are judged by it.
CREATE OR REPLACE FUNCTION activation_states_are_legal(p_status varchar, p_sms varchar, p_billing varchar)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF p_billing = 'reserved' THEN
        RETURN p_sms = 'smsRequested' AND p_status = 'active';
    END IF;
    IF p_billing = 'released' THEN
        RETURN p_sms = 'smsRequested' AND p_status IN ('canceled', 'expired');
    END IF;
    RETURN p_billing IN ('billed', 'refunded')
        AND p_sms IN ('smsReceived', 'retryRequested', 'retryReceived')
        AND p_status IN ('active', 'expired', 'finalized');
END $$;
