-- What changed, for the caches of the programs on this database (docs/caching.md). The log is written by triggers, so that the API, cascades,
-- bulk loads and SQL by hand are all in it. A crash, a promotion and a restored backup empty unlogged tables, which is what is wanted:
-- a new row in cache_clock tells every cache to begin anew.

CREATE UNLOGGED TABLE cache_events (
    -- Of the transaction, not of a subtransaction: what snapshots are made of.
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    tags text[] NOT NULL
);

CREATE INDEX idx_cache_events_xid ON cache_events (xid);

CREATE UNLOGGED TABLE cache_clock (
    only_row boolean NOT NULL DEFAULT true CONSTRAINT cache_clock_pkey PRIMARY KEY CONSTRAINT cache_clock_one_row CHECK (only_row),
    incarnation uuid NOT NULL DEFAULT gen_random_uuid(),
    -- Events of transactions before this one may be gone from the log.
    pruned_below xid8 NOT NULL DEFAULT '0'
);

INSERT INTO cache_clock DEFAULT VALUES;

-- Two moments can be compared by their transaction ids only within one incarnation: the uuid is lost with the log, the table's oid
-- changes when a dump is restored, and the start time when the files under a server are exchanged.
CREATE VIEW cache_now AS
SELECT
    pg_current_snapshot() AS snapshot,
    extract(epoch FROM pg_postmaster_start_time())::text || '-' || 'cache_clock'::regclass::oid || '-' || incarnation AS incarnation,
    pruned_below
FROM cache_clock;

-- The events of this transaction, as its last statement. Their incarnation is null if there is none any more.
-- A plan is kept for the life of a connection; one that was made while the log was short would read all of it when it is long.
CREATE FUNCTION own_cache_events() RETURNS TABLE (incarnation text, xid xid8, tags text[])
    LANGUAGE sql STABLE SET enable_seqscan = off SET jit = off AS $$
    SELECT n.incarnation, e.xid, e.tags
    FROM cache_events e LEFT JOIN cache_now n ON true
    WHERE e.xid = pg_current_xact_id_if_assigned();
$$;

-- A statement that changes more than this says that everything may have changed.
CREATE FUNCTION log_cache_event(changed text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO cache_events (tags)
    SELECT CASE WHEN cardinality(changed) > 1000 THEN ARRAY['catalog'] ELSE changed END WHERE cardinality(changed) > 0;
$$;

CREATE FUNCTION log_products_that_came_or_went() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log_cache_event(array_agg('product:' || id_key) || array_agg('reviews:' || id_key) || ARRAY['products'])
    FROM changed HAVING count(*) > 0;
    RETURN NULL;
END $$;

-- A page that shows a product hears of every change of it; the tags without a number are for pages that a product enters, leaves, or
-- changes its place in. So a column that filters, finds or orders products stands in one of these comparisons.
CREATE FUNCTION log_changed_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log_cache_event(
        array_agg('product:' || id_key)
        || array_agg('reviews:' || id_key) FILTER (WHERE exists_or_is_shown)
        || CASE WHEN bool_or(listed) THEN ARRAY['products'] END
        || CASE WHEN bool_or(in_stock) THEN ARRAY['products:stock'] END
        || CASE WHEN bool_or(rating) THEN ARRAY['products:rating'] END)
    FROM (
        SELECT
            coalesce(a.id_key, b.id_key) AS id_key,
            (a.id_key, a.active) IS DISTINCT FROM (b.id_key, b.active) AS exists_or_is_shown,
            (a.id_key, a.name, a.description, a.sku, a.price, a.category_id, a.active, a.created_at)
                IS DISTINCT FROM (b.id_key, b.name, b.description, b.sku, b.price, b.category_id, b.active, b.created_at) AS listed,
            a.in_stock IS DISTINCT FROM b.in_stock AS in_stock,
            a.rating_average IS DISTINCT FROM b.rating_average AS rating
        FROM added a FULL JOIN removed b ON a.id_key = b.id_key
    ) AS change
    HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE FUNCTION log_reviews_that_came_or_went() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log_cache_event(array_agg(DISTINCT 'reviews:' || product_id)) FROM changed;
    RETURN NULL;
END $$;

CREATE FUNCTION log_changed_reviews() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log_cache_event(array_agg(DISTINCT 'reviews:' || product_id))
    FROM (SELECT product_id FROM added UNION SELECT product_id FROM removed) AS both_sides;
    RETURN NULL;
END $$;

-- Of a table whose rows are few and change seldom.
CREATE FUNCTION log_changed_table() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log_cache_event(ARRAY[TG_ARGV[0]]);
    RETURN NULL;
END $$;

CREATE TRIGGER log_cache_events_of_insert AFTER INSERT ON products
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_products_that_came_or_went();
CREATE TRIGGER log_cache_events_of_delete AFTER DELETE ON products
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_products_that_came_or_went();
CREATE TRIGGER log_cache_events_of_update AFTER UPDATE ON products
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION log_changed_products();
CREATE TRIGGER log_cache_events_of_truncate AFTER TRUNCATE ON products
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_table('catalog');

CREATE TRIGGER log_cache_events_of_insert AFTER INSERT ON reviews
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_reviews_that_came_or_went();
CREATE TRIGGER log_cache_events_of_delete AFTER DELETE ON reviews
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_reviews_that_came_or_went();
CREATE TRIGGER log_cache_events_of_update AFTER UPDATE ON reviews
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION log_changed_reviews();
CREATE TRIGGER log_cache_events_of_truncate AFTER TRUNCATE ON reviews
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_table('catalog');

CREATE TRIGGER log_cache_events AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON categories
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_table('categories');
