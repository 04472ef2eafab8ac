-- migrate: one statement at a time
-- The sales of one product, the newest first. It takes the place of the index without an order.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_order_details_product_id ON order_details (product_id, id_key);
DROP INDEX CONCURRENTLY IF EXISTS idx_order_details_product;
ALTER INDEX IF EXISTS idx_order_details_product_id RENAME TO idx_order_details_product;
