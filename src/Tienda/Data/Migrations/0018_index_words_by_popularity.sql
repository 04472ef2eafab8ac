-- migrate: one statement at a time
-- Of what is searched for the best known come first, and the index of words did not know them (docs/search.md). Eight tiers
-- double the number of reviews. An array, because a GIN index takes these without an extension.
CREATE OR REPLACE FUNCTION popularity_tier(reviews integer) RETURNS smallint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[CASE WHEN reviews < 1 THEN 0 ELSE 1 + floor(8 * ln(reviews::float8) / ln(2::float8)) END::smallint];

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_search_tier ON products USING gin (search, popularity_tier(rating_count));
DROP INDEX CONCURRENTLY IF EXISTS idx_products_search;
ALTER INDEX IF EXISTS idx_products_search_tier RENAME TO idx_products_search;
