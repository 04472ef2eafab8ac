-- The peer of ./bench.sh orders: the usual design, one order by one function in one transaction. It does the least that is right: no
-- idempotency key, no log, no bill, and a shortage fails it.
CREATE OR REPLACE FUNCTION place_one_order(buyer bigint, ids bigint[], units integer[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    placed bigint;
    served bigint;
BEGIN
    PERFORM FROM products WHERE id_key = ANY (ids) ORDER BY id_key FOR NO KEY UPDATE;
    UPDATE products p SET stock = p.stock - line.units
    FROM unnest(ids, units) AS line (id_key, units) WHERE p.id_key = line.id_key AND p.stock >= line.units;
    GET DIAGNOSTICS served = ROW_COUNT;
    IF served < cardinality(ids) THEN
        RAISE EXCEPTION 'not enough in stock';
    END IF;
    INSERT INTO orders (client_id, delivery_method, total)
    SELECT buyer, 1, sum(p.price * line.units)
    FROM unnest(ids, units) AS line (id_key, units) JOIN products p ON p.id_key = line.id_key
    RETURNING id_key INTO placed;
    INSERT INTO order_details (order_id, product_id, price, quantity)
    SELECT placed, p.id_key, p.price, line.units
    FROM unnest(ids, units) AS line (id_key, units) JOIN products p ON p.id_key = line.id_key;
    RETURN placed;
END $$;

-- Ids apart from those of the demonstration data.
INSERT INTO clients (id_key, name, lastname, email) OVERRIDING SYSTEM VALUE
SELECT 1000000 + n, 'Bench', 'Buyer', 'buyer' || n || '@example.com' FROM generate_series(1, 100) AS n;
INSERT INTO products (id_key, name, description, sku, price, stock) OVERRIDING SYSTEM VALUE
SELECT 1000000 + n, 'Product ' || n, repeat('Words of a usual description. ', 10), 'BENCH-' || n, 1000 + n, 1000000000
FROM generate_series(1, 1000) AS n;
VACUUM ANALYZE;
