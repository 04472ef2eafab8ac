-- Requests that were carried out, by the key that their sender gave them (docs/idempotency.md). The columns behind created_at are what
-- the shop chose when it answered; the rest of that answer stands in the repeated request itself.
CREATE TABLE idempotency_keys (
    caller text NOT NULL,
    route text NOT NULL,
    key text NOT NULL CONSTRAINT idempotency_keys_length CHECK (char_length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    order_id bigint,
    bill_id bigint,
    line_ids bigint[],
    prices bigint[],
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, route, key)
);

CREATE INDEX idx_idempotency_keys_created ON idempotency_keys (created_at);

-- Holds back whoever else uses one of these keys until this transaction ends, forgets those that have served their time, and answers what
-- is kept under the others, by their places in the arrays. The locks are taken in one order, so that no two wait in a circle.
--
-- A plan is kept for the life of a connection. One that was made while the table was new would read all of it when it has grown, so
-- LIMIT and the setting leave no other way open than to look up each key in the index.
CREATE FUNCTION find_idempotency_keys(callers text[], wanted_route text, keys text[])
    RETURNS TABLE (place integer, kept idempotency_keys)
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    found record;
BEGIN
    PERFORM pg_advisory_xact_lock(sorted.lock)
    FROM (
        SELECT DISTINCT hashtextextended(concat_ws(' ', used.caller, wanted_route, used.key), 0) AS lock
        FROM unnest(callers, keys) AS used (caller, key) WHERE used.key IS NOT NULL ORDER BY lock
    ) AS sorted;
    -- A statement of its own: it sees what those who were waited for have committed.
    FOR found IN
        SELECT used.place, one.kept FROM unnest(callers, keys) WITH ORDINALITY AS used (caller, key, place)
        CROSS JOIN LATERAL (
            SELECT k AS kept FROM idempotency_keys k WHERE k.caller = used.caller AND k.route = wanted_route AND k.key = used.key LIMIT 1
        ) AS one
    LOOP
        place := found.place;
        kept := found.kept;
        IF kept.created_at <= now() - interval '24 hours' THEN
            DELETE FROM idempotency_keys k WHERE k.caller = kept.caller AND k.route = kept.route AND k.key = kept.key;
        ELSE
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;
