-- migrate: one statement at a time
-- Orders of a time are listed in the order of time, and a page of them begins anywhere. It takes the place of the index without their ids.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_date_id ON orders (date, id_key);
DROP INDEX CONCURRENTLY IF EXISTS idx_orders_date;
ALTER INDEX IF EXISTS idx_orders_date_id RENAME TO idx_orders_date;
