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

-- Holds back whoever else uses one of these keys until this transaction ends, and forgets those that have served their time. The locks
-- are taken in one order, so that no two wait in a circle.
CREATE FUNCTION lock_idempotency_keys(callers text[], wanted_route text, keys text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(sorted.lock)
    FROM (
        SELECT DISTINCT hashtextextended(concat_ws(' ', used.caller, wanted_route, used.key), 0) AS lock
        FROM unnest(callers, keys) AS used (caller, key) WHERE used.key IS NOT NULL ORDER BY lock
    ) AS sorted;
    DELETE FROM idempotency_keys k USING unnest(callers, keys) AS used (caller, key)
    WHERE k.caller = used.caller AND k.route = wanted_route AND k.key = used.key AND k.created_at <= now() - interval '24 hours';
END $$;
