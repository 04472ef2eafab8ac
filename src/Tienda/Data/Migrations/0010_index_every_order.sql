-- migrate: one statement at a time
-- A page of a category begins anywhere in an order, and an index that begins with the category leads there: at any depth, in a catalog of any
-- size. They are for all products, also the inactive ones: those are few, and who sees everything pages as fast as who does not.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_category_id ON products (category_id, id_key);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_category_price ON products (category_id, price, id_key);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_category_name ON products (category_id, name, id_key);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_category_rating ON products (category_id, (coalesce(rating_average, 0)) DESC, id_key DESC);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_category_created ON products (category_id, created_at DESC, id_key DESC);
-- The first of them takes the place of the one without an order.
DROP INDEX CONCURRENTLY IF EXISTS idx_products_category;
ALTER INDEX IF EXISTS idx_products_category_id RENAME TO idx_products_category;

-- Most are in stock, so a list of those that are is found in any order. Those that ran out are few, and may all stand at the other end.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_sold_out ON products (id_key) WHERE NOT in_stock;
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_sold_out_price ON products (price, id_key) WHERE NOT in_stock;
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_sold_out_name ON products (name, id_key) WHERE NOT in_stock;
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_sold_out_rating ON products ((coalesce(rating_average, 0)) DESC, id_key DESC) WHERE NOT in_stock;
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_sold_out_created ON products (created_at DESC, id_key DESC) WHERE NOT in_stock;

-- Of what is searched for, what most have an opinion of comes first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_products_popularity ON products (rating_count DESC, id_key DESC);
