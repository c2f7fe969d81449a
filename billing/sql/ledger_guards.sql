-- Entries and transactions are only ever added; the lines of a transaction sum to zero; a wallet opens empty.

CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is not allowed: the ledger is append-only, correct it by a new transaction', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'PT403';
END $$;

CREATE OR REPLACE FUNCTION ledger_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT transaction_id, sum(amount_micros) AS off INTO wrong
    FROM added GROUP BY transaction_id HAVING sum(amount_micros) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the entries of transaction % are off by % micro-USD', wrong.transaction_id, wrong.off
            USING ERRCODE = 'PT500';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON billing_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE OR REPLACE TRIGGER transaction_append_only BEFORE UPDATE OR DELETE ON billing_transaction
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE OR REPLACE TRIGGER entries_balance AFTER INSERT ON billing_entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_must_balance();

CREATE OR REPLACE FUNCTION ledger_opens_empty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a wallet opens empty: move money into it by a transaction' USING ERRCODE = 'PT403';
END $$;

CREATE OR REPLACE TRIGGER wallet_opens_empty BEFORE INSERT ON billing_wallet
    FOR EACH ROW WHEN (NEW.balance_micros <> 0 OR NEW.held_micros <> 0) EXECUTE FUNCTION ledger_opens_empty();
