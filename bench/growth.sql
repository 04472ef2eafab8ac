-- Rows for ./bench.sh growth, in an empty shop: :products, :orders and :lines are how many there shall be.
INSERT INTO categories (name) SELECT 'Grown category ' || n FROM generate_series(1, 10) AS n;
INSERT INTO clients (name, lastname, email)
SELECT 'Grown', 'Buyer', 'grown' || n || '@example.com' FROM generate_series(1, 20) AS n;

INSERT INTO products (name, description, sku, price, stock, category_id)
SELECT 'Grown product ' || n, repeat('Words of a usual description. ', 6), 'GROWN-' || n, 1000 + n % 50000, 1000000, 1 + n % 10
FROM generate_series((SELECT count(*) + 1 FROM products), :products) AS n;

-- The triggers would write an event for every line, which is not what is measured here.
SET session_replication_role = replica;

INSERT INTO orders (client_id, date, total, delivery_method, status)
SELECT 1 + n % 20, now() - make_interval(secs => (:orders - n) / 10.0), 3000, 1, 3
FROM generate_series((SELECT count(*) + 1 FROM orders), :orders) AS n;

-- Lines are spread evenly over the orders, and as in a real shop over all of the products.
INSERT INTO order_details (order_id, product_id, price, quantity)
SELECT (SELECT min(id_key) FROM orders) + n % greatest(:orders, 1), 1 + n * 7919 % :products, 1000, 1
FROM generate_series((SELECT count(*) + 1 FROM order_details), :lines) AS n;

RESET session_replication_role;
VACUUM ANALYZE products, clients, orders, order_details;
