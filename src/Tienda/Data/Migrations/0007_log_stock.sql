-- A sale changes one number of a product. Told what that number is now, caches go on with what they have instead of reading it anew.

-- One more with every change of the stock, so that a change can be put behind exactly the state that it was made to.
ALTER TABLE products ADD COLUMN stock_version bigint NOT NULL DEFAULT 0;

CREATE FUNCTION count_stock_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.stock_version := OLD.stock_version + 1;
    RETURN NEW;
END $$;

CREATE TRIGGER count_stock_version BEFORE UPDATE OF stock ON products
    FOR EACH ROW WHEN (NEW.stock <> OLD.stock) EXECUTE FUNCTION count_stock_version();

-- A row for each product of which only the stock has changed: its id, its stock_version and its stock.
ALTER TABLE cache_events ADD COLUMN stock_changes bigint[];

DROP FUNCTION own_cache_events();
CREATE FUNCTION own_cache_events() RETURNS TABLE (incarnation text, xid xid8, tags text[], stock_changes bigint[])
    LANGUAGE sql STABLE SET enable_seqscan = off SET jit = off AS $$
    SELECT n.incarnation, e.xid, e.tags, e.stock_changes
    FROM cache_events e LEFT JOIN cache_now n ON true
    WHERE e.xid = pg_current_xact_id_if_assigned();
$$;

DROP FUNCTION log_cache_event(text[]);
CREATE FUNCTION log_cache_event(changed text[], stocks bigint[] DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO cache_events (tags, stock_changes)
    SELECT
        CASE WHEN cardinality(changed) > 1000 THEN ARRAY['catalog'] ELSE changed END,
        CASE WHEN cardinality(changed) > 1000 THEN NULL ELSE stocks END
    WHERE cardinality(changed) > 0;
$$;

-- A column that an answer shows stands in exists_or_is_shown, in listed, or in only_stock.
CREATE OR REPLACE FUNCTION log_changed_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log_cache_event(
        array_agg('product:' || id_key)
        || array_agg('reviews:' || id_key) FILTER (WHERE exists_or_is_shown)
        || CASE WHEN bool_or(listed) THEN ARRAY['products'] END
        || CASE WHEN bool_or(in_stock) THEN ARRAY['products:stock'] END
        || CASE WHEN bool_or(rating) THEN ARRAY['products:rating'] END,
        array_agg(ARRAY[id_key, stock_version, stock]) FILTER (WHERE only_stock AND NOT listed AND NOT rating))
    FROM (
        SELECT
            coalesce(a.id_key, b.id_key) AS id_key,
            a.stock_version,
            a.stock,
            (a.id_key, a.active) IS DISTINCT FROM (b.id_key, b.active) AS exists_or_is_shown,
            (a.id_key, a.name, a.description, a.sku, a.price, a.category_id, a.active, a.created_at)
                IS DISTINCT FROM (b.id_key, b.name, b.description, b.sku, b.price, b.category_id, b.active, b.created_at) AS listed,
            a.in_stock IS DISTINCT FROM b.in_stock AS in_stock,
            a.rating_average IS DISTINCT FROM b.rating_average AS rating,
            (a.stock_version, a.rating_count, a.updated_at) IS NOT DISTINCT FROM (b.stock_version + 1, b.rating_count, b.updated_at)
                AS only_stock
        FROM added a FULL JOIN removed b ON a.id_key = b.id_key
    ) AS change
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
