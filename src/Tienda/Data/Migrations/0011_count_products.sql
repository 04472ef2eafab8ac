-- How many products there are of each kind that facets tell apart, so that they need not be counted one by one: a million products are some
-- ten thousand kinds. A change adds a row with what has come or gone, so nobody waits for anybody else's; now and then the rows are added up
-- (Products/CatalogUpkeep.cs). What there is is always the sum.

-- 0 is below 10.00, 10 is 10,000.00 or more. Products/ProductFacets.cs has the same edges.
CREATE FUNCTION price_band(price bigint) RETURNS smallint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN width_bucket(price, '{1000,2500,5000,10000,25000,50000,100000,250000,500000,1000000}'::bigint[])::smallint;

-- Whole stars; 0 without reviews.
CREATE FUNCTION rating_stars(rating_average numeric) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(floor(rating_average), 0)::smallint;

CREATE TABLE product_counts (
    category_id bigint,
    active boolean NOT NULL,
    in_stock boolean NOT NULL,
    price_band smallint NOT NULL,
    rating smallint NOT NULL,
    products integer NOT NULL
);

CREATE INDEX idx_product_counts_category ON product_counts (category_id);

CREATE FUNCTION count_products_that_came_or_went() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO product_counts
    SELECT category_id, active, in_stock, price_band(price), rating_stars(rating_average), TG_ARGV[0]::integer * count(*)
    FROM changed GROUP BY 1, 2, 3, 4, 5;
    RETURN NULL;
END $$;

CREATE FUNCTION count_changed_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Most changes are sales, which change none of it.
    IF EXISTS (
        SELECT FROM added a FULL JOIN removed b ON a.id_key = b.id_key
        WHERE (a.category_id, a.active, a.in_stock, a.price, a.rating_average)
            IS DISTINCT FROM (b.category_id, b.active, b.in_stock, b.price, b.rating_average)
    ) THEN
        INSERT INTO product_counts
        SELECT category_id, active, in_stock, price_band, rating, sum(one)
        FROM (
            SELECT category_id, active, in_stock, price_band(price) AS price_band, rating_stars(rating_average) AS rating, 1 AS one FROM added
            UNION ALL
            SELECT category_id, active, in_stock, price_band(price), rating_stars(rating_average), -1 FROM removed
        ) AS both_sides
        GROUP BY 1, 2, 3, 4, 5
        HAVING sum(one) <> 0;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION count_no_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- It waits for whoever adds up, whose sums would stay otherwise.
    TRUNCATE product_counts;
    RETURN NULL;
END $$;

CREATE TRIGGER count_insert AFTER INSERT ON products
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_products_that_came_or_went('1');
CREATE TRIGGER count_delete AFTER DELETE ON products
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_products_that_came_or_went('-1');
CREATE TRIGGER count_update AFTER UPDATE ON products
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_changed_products();
CREATE TRIGGER count_truncate AFTER TRUNCATE ON products
    FOR EACH STATEMENT EXECUTE FUNCTION count_no_products();

-- Adds the rows of a kind up to one, if it is worth while. Rows that come meanwhile are not seen, and stay.
CREATE FUNCTION add_up_product_counts() RETURNS void LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM product_counts
        WHERE (SELECT count(*) > 1000 + 2 * count(DISTINCT (category_id, active, in_stock, price_band, rating)) FROM product_counts)
        RETURNING category_id, active, in_stock, price_band, rating, products)
    INSERT INTO product_counts
    SELECT category_id, active, in_stock, price_band, rating, sum(products) FROM gone GROUP BY 1, 2, 3, 4, 5 HAVING sum(products) <> 0;
$$;

-- Sets right what triggers did not see: the products that were there before them, or that came by a way on which none run, such as logical
-- replication. One statement sees products and counts as of one moment, and what changes meanwhile is added by its own trigger: nobody waits.
CREATE FUNCTION recount_products() RETURNS void LANGUAGE sql AS $$
    INSERT INTO product_counts
    SELECT category_id, active, in_stock, price_band, rating, sum(products)
    FROM (
        SELECT category_id, active, in_stock, price_band(price) AS price_band, rating_stars(rating_average) AS rating, count(*) AS products
        FROM products GROUP BY 1, 2, 3, 4, 5
        UNION ALL
        SELECT category_id, active, in_stock, price_band, rating, -sum(products) FROM product_counts GROUP BY 1, 2, 3, 4, 5
    ) AS difference
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(products) <> 0;
$$;

-- A statement that changes no row tells nobody.
CREATE FUNCTION log_changed_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log_cache_event(ARRAY[TG_ARGV[0]]) WHERE EXISTS (SELECT FROM changed);
    RETURN NULL;
END $$;

CREATE TRIGGER log_cache_events_of_insert AFTER INSERT ON product_counts
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_changed_rows('products:counts');
CREATE TRIGGER log_cache_events_of_update AFTER UPDATE ON product_counts
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_changed_rows('products:counts');
CREATE TRIGGER log_cache_events_of_delete AFTER DELETE ON product_counts
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_changed_rows('products:counts');
CREATE TRIGGER log_cache_events_of_truncate AFTER TRUNCATE ON product_counts
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_table('products:counts');
