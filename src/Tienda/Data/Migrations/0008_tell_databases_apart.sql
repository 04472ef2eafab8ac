-- A copy of a database (CREATE DATABASE … TEMPLATE) has the same oids and the same row in cache_clock. The path of the table's file names
-- the database as well, and changes with a dump as the oid did.
CREATE OR REPLACE VIEW cache_now AS
SELECT
    pg_current_snapshot() AS snapshot,
    extract(epoch FROM pg_postmaster_start_time())::text || '-' || pg_relation_filepath('cache_clock') || '-' || incarnation AS incarnation,
    pruned_below
FROM cache_clock;

-- Whoever empties the log by hand takes events away that nobody may have read.
CREATE FUNCTION begin_another_incarnation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cache_clock SET incarnation = gen_random_uuid();
    RETURN NULL;
END $$;

CREATE TRIGGER begin_another_incarnation AFTER TRUNCATE ON cache_events
    FOR EACH STATEMENT EXECUTE FUNCTION begin_another_incarnation();
