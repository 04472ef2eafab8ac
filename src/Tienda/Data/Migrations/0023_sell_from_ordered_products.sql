-- As before, but stock is taken from the products that were ordered, whatever plan is kept: one that was made for a handful of products read
-- all of them, and did so while an import made a million.
--
-- Places the orders that wait, in the order of their arrival and each on its own: what one is refused for touches no other.
-- Answers a row for each order. Of a placed or replayed one it holds what the shop chose, of a refused one why.
--
-- Nothing here waits for a row while it holds others: an order that needs a client, address or product that somebody else has locked is
-- answered "held", to be sent again in an exclusive call. That one waits for its turn, fairly, and while it runs no other call does, so
-- that only other writers can hold a row from it. The series of bills is the exception: whoever bills waits for it, last.
CREATE OR REPLACE FUNCTION place_orders(
    -- An element for each order.
    callers text[], keys text[], hashes bytea[],
    client_ids bigint[], address_ids bigint[], delivery_methods smallint[], payment_types smallint[], discounts bigint[],
    line_counts integer[],
    -- An element for each line, the lines of the first order first. line_products counts in product_ids, from 1.
    line_products integer[], line_quantities integer[], line_prices bigint[],
    -- Each product once.
    product_ids bigint[],
    exclusive boolean
) RETURNS TABLE (
    place integer, -- of the order, from 1
    outcome text, -- placed, held, replayed, key_reused, unknown, inactive, price_changed, short_of_stock, too_expensive, discount_too_high
    placed_at timestamptz, order_id bigint, bill_id bigint, line_ids bigint[], prices bigint[],
    unknown_fields text[],
    products bigint[], -- that it was refused for; with them, what was sent and what is there: prices or units
    sent bigint[],
    present bigint[]
)
-- A plan is kept for the life of a connection. One that was made while a table was new would read all of it when it has grown.
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    highest_total CONSTANT bigint := 999999999999999;
    orders CONSTANT integer := cardinality(client_ids);
    found record;
    known idempotency_keys;
    kept idempotency_keys[];
    earlier integer[]; -- by order: the one before it in this call under the same key
    known_clients bigint[];
    held_clients bigint[];
    right_addresses integer[]; -- places of orders whose address is one of their client's
    held_addresses bigint[];
    held_products boolean[];
    product_prices bigint[];
    actives boolean[];
    stocks_before bigint[];
    stocks bigint[];
    first_line integer;
    last_line integer := 0;
    twin integer;
    product integer;
    total bigint;
    inactive bigint[];
    held boolean;
    price_changed integer; -- the first such line
    short_of_stock integer[];
    billed bigint := 0;
    bills_before bigint;
    -- Filled first: an assignment beyond the end of an empty array would make one that begins there.
    order_ids bigint[] := array_fill(NULL::bigint, ARRAY[orders]);
    totals bigint[] := order_ids;
    bill_ids bigint[] := order_ids;
    first_lines integer[] := order_ids;
    last_lines integer[] := order_ids;
    line_order_ids bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(line_products)]);
    -- Parts of these are answered, and an array that ever held a null would be sent as one that may.
    new_line_ids bigint[] := array_fill(0::bigint, ARRAY[cardinality(line_products)]);
    charged bigint[] := new_line_ids;
    left_in_stock bigint[] := new_line_ids;
BEGIN
    PERFORM set_config('tienda.logs_itself', 'on', true), set_config('tienda.cause', 'sale', true);
    IF exclusive THEN
        PERFORM pg_advisory_xact_lock(hashtext('place_orders'));
    ELSE
        PERFORM pg_advisory_xact_lock_shared(hashtext('place_orders'));
    END IF;

    IF num_nonnulls(VARIADIC keys) > 0 THEN
        FOR found IN SELECT k.place, k.kept FROM find_idempotency_keys(callers, 'orders', keys) AS k LOOP
            kept[found.place] := found.kept;
        END LOOP;
        SELECT array_agg(o.earlier ORDER BY o.place) INTO earlier
        FROM (
            SELECT o.place, CASE WHEN o.key IS NOT NULL THEN lag(o.place) OVER (PARTITION BY o.caller, o.key ORDER BY o.place) END AS earlier
            FROM unnest(callers, keys) WITH ORDINALITY AS o (caller, key, place)
        ) AS o;
    END IF;

    SELECT coalesce(array_agg(c.id_key), '{}') INTO known_clients
    FROM (SELECT id_key FROM clients WHERE id_key = ANY (client_ids) AND deleted_at IS NULL ORDER BY id_key FOR KEY SHARE SKIP LOCKED) AS c;
    IF NOT known_clients @> client_ids THEN
        SELECT array_agg(id_key) INTO held_clients
        FROM clients WHERE id_key = ANY (client_ids) AND deleted_at IS NULL AND id_key <> ALL (known_clients);
    END IF;

    IF num_nonnulls(VARIADIC address_ids) > 0 THEN
        WITH a AS MATERIALIZED (
            SELECT id_key, client_id FROM addresses WHERE id_key = ANY (address_ids) ORDER BY id_key FOR KEY SHARE SKIP LOCKED
        )
        SELECT coalesce(array_agg(o.place), '{}'),
            (SELECT array_agg(h.id_key) FROM addresses h WHERE h.id_key = ANY (address_ids) AND h.id_key NOT IN (SELECT a.id_key FROM a))
        INTO right_addresses, held_addresses
        FROM unnest(address_ids, client_ids) WITH ORDINALITY AS o (address_id, client_id, place)
        JOIN a ON a.id_key = o.address_id AND a.client_id = o.client_id;
    END IF;

    WITH p AS MATERIALIZED (
        -- NO KEY: lines of other orders that refer to these products need not wait.
        SELECT id_key, price, active, stock FROM products WHERE id_key = ANY (product_ids) ORDER BY id_key FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT array_agg(p.price ORDER BY wanted.place), array_agg(p.active ORDER BY wanted.place), array_agg(p.stock ORDER BY wanted.place)
    INTO product_prices, actives, stocks_before
    FROM unnest(product_ids) WITH ORDINALITY AS wanted (id_key, place) LEFT JOIN p ON p.id_key = wanted.id_key;
    stocks := stocks_before;
    IF array_position(product_prices, NULL) IS NOT NULL THEN
        SELECT array_agg(EXISTS (SELECT FROM products h WHERE h.id_key = wanted.id_key) ORDER BY wanted.place) INTO held_products
        FROM unnest(product_ids) WITH ORDINALITY AS wanted (id_key, place);
    END IF;

    FOR i IN 1..orders LOOP
        first_line := last_line + 1;
        last_line := last_line + line_counts[i];
        place := i;
        outcome := NULL;
        placed_at := NULL; order_id := NULL; bill_id := NULL; line_ids := NULL; prices := NULL;
        unknown_fields := NULL; products := NULL; sent := NULL; present := NULL;

        IF keys[i] IS NOT NULL THEN
            known := kept[i];
            IF known.key IS NOT NULL THEN
                IF known.request_hash = hashes[i] THEN
                    outcome := 'replayed';
                    placed_at := known.created_at; order_id := known.order_id; bill_id := known.bill_id;
                    line_ids := known.line_ids; prices := known.prices;
                ELSE
                    outcome := 'key_reused';
                END IF;
            ELSE
                twin := earlier[i];
                WHILE twin IS NOT NULL AND order_ids[twin] IS NULL LOOP
                    twin := earlier[twin];
                END LOOP;
                IF twin IS NOT NULL AND hashes[twin] = hashes[i] THEN
                    outcome := 'replayed';
                    placed_at := now(); order_id := order_ids[twin]; bill_id := bill_ids[twin];
                    line_ids := new_line_ids[first_lines[twin]:last_lines[twin]];
                    prices := charged[first_lines[twin]:last_lines[twin]];
                ELSIF twin IS NOT NULL THEN
                    outcome := 'key_reused';
                END IF;
            END IF;
            IF outcome IS NOT NULL THEN
                RETURN NEXT;
                CONTINUE;
            END IF;
        END IF;

        held := coalesce(client_ids[i] = ANY (held_clients), false) OR coalesce(address_ids[i] = ANY (held_addresses), false);
        IF client_ids[i] <> ALL (known_clients) THEN
            unknown_fields := ARRAY['client_id'];
        ELSIF address_ids[i] IS NOT NULL AND i <> ALL (right_addresses) THEN
            unknown_fields := ARRAY['address_id'];
        END IF;

        -- Takes the stock of every line. What is not there makes the stock negative; a refused order gives all of it back below.
        total := 0;
        inactive := NULL;
        price_changed := NULL;
        short_of_stock := NULL;
        FOR l IN first_line..last_line LOOP
            product := line_products[l];
            IF product_prices[product] IS NULL THEN
                held := held OR held_products[product];
                unknown_fields := unknown_fields || format('items[%s].product_id', l - first_line);
                CONTINUE;
            END IF;
            IF NOT actives[product] THEN
                inactive := inactive || product_ids[product];
            END IF;
            IF line_prices[l] <> product_prices[product] THEN
                price_changed := coalesce(price_changed, l);
            END IF;
            stocks[product] := stocks[product] - line_quantities[l];
            left_in_stock[l] := stocks[product];
            IF stocks[product] < 0 THEN
                short_of_stock := short_of_stock || product;
            END IF;
            -- The largest price times the largest quantity fits 64 bits, a sum of many of them need not.
            total := least(total + product_prices[product] * line_quantities[l], highest_total + 1);
        END LOOP;

        IF held THEN
            outcome := 'held';
        ELSIF unknown_fields IS NOT NULL THEN
            outcome := 'unknown';
        ELSIF inactive IS NOT NULL THEN
            outcome := 'inactive';
            products := inactive;
        ELSIF price_changed IS NOT NULL THEN
            outcome := 'price_changed';
            products := ARRAY[product_ids[line_products[price_changed]]];
            sent := ARRAY[line_prices[price_changed]];
            present := ARRAY[product_prices[line_products[price_changed]]];
        ELSIF short_of_stock IS NOT NULL THEN
            outcome := 'short_of_stock';
            -- A product that fell short in several lines stands here several times; its last, lowest stock is what counts.
            SELECT array_agg(product_ids[s.product]), array_agg(stocks[s.product])
            INTO products, sent FROM (SELECT DISTINCT unnest(short_of_stock) AS product) AS s;
        ELSIF total > highest_total THEN
            outcome := 'too_expensive';
        ELSIF discounts[i] > total THEN
            outcome := 'discount_too_high';
            present := ARRAY[total];
        ELSE
            outcome := 'placed';
        END IF;

        IF outcome <> 'placed' THEN
            FOR l IN first_line..last_line LOOP
                product := line_products[l];
                stocks[product] := stocks[product] + line_quantities[l];
            END LOOP;
            IF outcome = 'short_of_stock' THEN
                SELECT array_agg(here.stock - missing.stock ORDER BY missing.place), array_agg(here.stock ORDER BY missing.place)
                INTO sent, present
                FROM unnest(products, sent) WITH ORDINALITY AS missing (id_key, stock, place)
                JOIN unnest(product_ids, stocks) AS here (id_key, stock) ON here.id_key = missing.id_key;
            END IF;
            RETURN NEXT;
            CONTINUE;
        END IF;

        order_id := nextval('orders_id_key_seq');
        placed_at := now();
        first_lines[i] := first_line;
        last_lines[i] := last_line;
        order_ids[i] := order_id;
        totals[i] := total;
        FOR l IN first_line..last_line LOOP
            new_line_ids[l] := nextval('order_details_id_key_seq');
            line_order_ids[l] := order_id;
            charged[l] := product_prices[line_products[l]];
        END LOOP;
        line_ids := new_line_ids[first_line:last_line];
        prices := charged[first_line:last_line];
        IF payment_types[i] IS NOT NULL THEN
            bill_id := nextval('bills_id_key_seq');
            bill_ids[i] := bill_id;
            billed := billed + 1;
        END IF;
        RETURN NEXT;
    END LOOP;

    UPDATE products p SET stock = p.stock - (c.before - c.after)
    FROM unnest(product_ids, stocks_before, stocks) AS c (id_key, before, after)
    WHERE p.id_key = ANY (product_ids) AND p.id_key = c.id_key AND c.after <> c.before;

    INSERT INTO orders (id_key, client_id, address_id, delivery_method, total) OVERRIDING SYSTEM VALUE
    SELECT o.id_key, o.client_id, o.address_id, o.delivery_method, o.total
    FROM unnest(order_ids, client_ids, address_ids, delivery_methods, totals) AS o (id_key, client_id, address_id, delivery_method, total)
    WHERE o.id_key IS NOT NULL;

    INSERT INTO order_details (id_key, order_id, product_id, price, quantity, stock_after) OVERRIDING SYSTEM VALUE
    SELECT l.id_key, l.order_id, product_ids[l.product], l.price, l.quantity, l.left_in_stock
    FROM unnest(new_line_ids, line_order_ids, line_products, charged, line_quantities, left_in_stock)
        AS l (id_key, order_id, product, price, quantity, left_in_stock)
    WHERE l.order_id IS NOT NULL;

    INSERT INTO order_events (order_id, caller, event)
    SELECT o.id_key, o.caller, 'placed' FROM unnest(order_ids, callers) AS o (id_key, caller) WHERE o.id_key IS NOT NULL;

    IF billed > 0 THEN
        bills_before := take_bill_numbers('A', billed);
        WITH b AS MATERIALIZED (
            SELECT o.*, bill_number('A', bills_before + row_number() OVER (ORDER BY o.place)) AS number
            FROM unnest(order_ids, bill_ids, totals, discounts, payment_types, callers) WITH ORDINALITY
                AS o (id_key, bill_id, total, discount, payment_type, caller, place)
            WHERE o.bill_id IS NOT NULL
        ), inserted AS (
            INSERT INTO bills (id_key, order_id, bill_number, discount, total, payment_type) OVERRIDING SYSTEM VALUE
            SELECT b.bill_id, b.id_key, b.number, b.discount, b.total - b.discount, b.payment_type FROM b
        )
        INSERT INTO order_events (order_id, caller, event, details)
        SELECT b.id_key, b.caller, 'billed', jsonb_build_object('bill_id', b.bill_id, 'bill_number', b.number) FROM b;
    END IF;

    IF num_nonnulls(VARIADIC keys) > 0 THEN
        INSERT INTO idempotency_keys (caller, route, key, request_hash, order_id, bill_id, line_ids, prices)
        SELECT o.caller, 'orders', o.key, o.hash, o.id_key, o.bill_id,
            new_line_ids[o.first_line:o.last_line], charged[o.first_line:o.last_line]
        FROM unnest(callers, keys, hashes, order_ids, bill_ids, first_lines, last_lines)
            AS o (caller, key, hash, id_key, bill_id, first_line, last_line)
        WHERE o.key IS NOT NULL AND o.id_key IS NOT NULL;
    END IF;

    PERFORM set_config('tienda.logs_itself', '', true), set_config('tienda.cause', '', true);
END $$;
