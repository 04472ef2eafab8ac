-- The shop's tables. Money is in minor units (cents). Every constraint that a request can violate is named:
-- its name decides which problem the client is told (Http/ConstraintProblems.cs).

CREATE EXTENSION IF NOT EXISTS unaccent;

-- What search compares: lower case, no accents, and no ASCII punctuation, which full text would read as operators or signs.
-- unaccent() is only STABLE because its dictionary could be swapped; a stored column needs IMMUTABLE.
CREATE FUNCTION search_text(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN regexp_replace(
        lower(unaccent('unaccent'::regdictionary, value)), '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+', ' ', 'g');

-- Every word must occur, the last one may be incomplete. NULL, which matches nothing, if there is no word.
-- The quotes are for the many spaces of Unicode, which to_tsquery would take for a missing operator.
CREATE FUNCTION search_query(typed text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN to_tsquery('simple', (
        SELECT string_agg('''' || word || '''', ' & ') || ':*' FROM regexp_split_to_table(search_text(typed), ' ') AS word WHERE word <> ''));

CREATE TABLE categories (
    id_key bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT categories_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT categories_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    parent_id bigint CONSTRAINT categories_parent_exists REFERENCES categories,
    CONSTRAINT categories_name_unique UNIQUE (name)
);

CREATE INDEX idx_categories_parent ON categories (parent_id);

-- Two concurrent moves can close a circle that neither sees, so movers take turns: before they lock a row, or one that waits for
-- its turn would hold a row that the other one's foreign key waits for.
CREATE FUNCTION await_category_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('categories'));
    RETURN NULL;
END $$;

CREATE TRIGGER categories_turn BEFORE UPDATE OF parent_id ON categories
    FOR EACH STATEMENT EXECUTE FUNCTION await_category_turn();

CREATE FUNCTION refuse_category_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        WITH RECURSIVE ancestors AS (
            SELECT NEW.parent_id AS id_key
            UNION
            SELECT c.parent_id FROM categories c JOIN ancestors a ON c.id_key = a.id_key WHERE c.parent_id IS NOT NULL
        )
        SELECT FROM ancestors WHERE id_key = NEW.id_key
    ) THEN
        RAISE EXCEPTION 'category % would be its own ancestor', NEW.id_key
            USING ERRCODE = 'check_violation', CONSTRAINT = 'categories_no_cycle';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER categories_no_cycle BEFORE UPDATE OF parent_id ON categories
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION refuse_category_cycle();

CREATE TABLE products (
    id_key bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT products_pkey PRIMARY KEY,
    price bigint NOT NULL CONSTRAINT products_price_positive CHECK (price > 0),
    category_id bigint CONSTRAINT products_category_exists REFERENCES categories,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Ratings are kept in tenths by the triggers on reviews.
    rating_sum bigint NOT NULL DEFAULT 0,
    rating_count integer NOT NULL DEFAULT 0,
    stock integer NOT NULL CONSTRAINT products_stock_not_negative CHECK (stock >= 0),
    active boolean NOT NULL DEFAULT true,
    -- An index on stock itself would rewrite its entry at every sale; this column changes only when stock runs out or returns.
    in_stock boolean NOT NULL GENERATED ALWAYS AS (stock > 0) STORED,
    rating_average numeric(3, 2) GENERATED ALWAYS AS (round(rating_sum::numeric / nullif(rating_count, 0) / 10, 2)) STORED,
    name text NOT NULL CONSTRAINT products_name_length CHECK (char_length(name) BETWEEN 1 AND 200),
    sku text CONSTRAINT products_sku_length CHECK (char_length(sku) BETWEEN 1 AND 64),
    description text CONSTRAINT products_description_length CHECK (char_length(description) <= 4000),
    search tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('simple', search_text(name)), 'A')
        || setweight(to_tsvector('simple', search_text(coalesce(sku, ''))), 'B')
        || setweight(to_tsvector('simple', search_text(coalesce(description, ''))), 'C')) STORED,
    CONSTRAINT products_sku_unique UNIQUE (sku)
) WITH (fillfactor = 80); -- room on the page, so that a sale updates the row in place

CREATE INDEX idx_products_category ON products (category_id);
CREATE INDEX idx_products_stock ON products (id_key) WHERE in_stock;
CREATE INDEX idx_products_price ON products (price, id_key);
CREATE INDEX idx_products_name ON products (name, id_key);
CREATE INDEX idx_products_rating ON products ((coalesce(rating_average, 0)) DESC, id_key DESC);
CREATE INDEX idx_products_created ON products (created_at DESC, id_key DESC);
CREATE INDEX idx_products_search ON products USING gin (search);

CREATE TABLE clients (
    id_key bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT clients_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT clients_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    lastname text NOT NULL CONSTRAINT clients_lastname_length CHECK (char_length(lastname) BETWEEN 1 AND 100),
    email text NOT NULL CONSTRAINT clients_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
    telephone text CONSTRAINT clients_telephone_format CHECK (telephone ~ '^\+?[1-9][0-9]{6,19}$'),
    -- Null for a client who cannot sign in: one who was deleted.
    password_hash text,
    -- When the person was made anonymous because orders had to be kept. Nothing new can belong to such a client.
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX idx_clients_email ON clients (lower(email));

CREATE TABLE addresses (
    id_key bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT addresses_pkey PRIMARY KEY,
    client_id bigint NOT NULL CONSTRAINT addresses_client_exists REFERENCES clients ON DELETE CASCADE,
    street text NOT NULL CONSTRAINT addresses_street_length CHECK (char_length(street) BETWEEN 1 AND 200),
    number text NOT NULL CONSTRAINT addresses_number_length CHECK (char_length(number) BETWEEN 1 AND 20),
    city text NOT NULL CONSTRAINT addresses_city_length CHECK (char_length(city) BETWEEN 1 AND 100),
    -- What an order's foreign key points at: an order is sent to an address of its own client.
    CONSTRAINT addresses_of_client UNIQUE (id_key, client_id)
);

CREATE INDEX idx_addresses_client ON addresses (client_id, id_key);

CREATE TABLE orders (
    id_key bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT orders_pkey PRIMARY KEY,
    client_id bigint NOT NULL CONSTRAINT orders_client_exists REFERENCES clients,
    address_id bigint,
    date timestamptz NOT NULL DEFAULT now(),
    -- The sum of the lines; below 10^15 so that it also fits a JSON reader's double without loss.
    total bigint NOT NULL DEFAULT 0
        CONSTRAINT orders_total_not_negative CHECK (total >= 0)
        CONSTRAINT orders_total_limit CHECK (total < 1000000000000000),
    delivery_method smallint NOT NULL CONSTRAINT orders_delivery_method_known CHECK (delivery_method BETWEEN 1 AND 3),
    status smallint NOT NULL DEFAULT 1 CONSTRAINT orders_status_known CHECK (status BETWEEN 1 AND 4),
    CONSTRAINT orders_address_of_client FOREIGN KEY (address_id, client_id) REFERENCES addresses (id_key, client_id)
);

CREATE INDEX idx_orders_client ON orders (client_id, id_key);
CREATE INDEX idx_orders_date ON orders (date DESC);
CREATE INDEX idx_orders_address ON orders (address_id);
CREATE INDEX idx_orders_status ON orders (status, id_key);

CREATE TABLE order_details (
    id_key bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT order_details_pkey PRIMARY KEY,
    order_id bigint NOT NULL CONSTRAINT order_details_order_exists REFERENCES orders ON DELETE CASCADE,
    product_id bigint NOT NULL CONSTRAINT order_details_product_exists REFERENCES products,
    price bigint NOT NULL CONSTRAINT order_details_price_positive CHECK (price > 0),
    quantity integer NOT NULL CONSTRAINT order_details_quantity_range CHECK (quantity BETWEEN 1 AND 1000000)
);

CREATE INDEX idx_order_details_order ON order_details (order_id, id_key);
CREATE INDEX idx_order_details_product ON order_details (product_id);

CREATE TABLE bill_series (
    series text CONSTRAINT bill_series_pkey PRIMARY KEY,
    last_number bigint NOT NULL
);

INSERT INTO bill_series VALUES ('A', 0);

CREATE TABLE bills (
    id_key bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT bills_pkey PRIMARY KEY,
    order_id bigint NOT NULL CONSTRAINT bills_order_exists REFERENCES orders,
    bill_number text NOT NULL CONSTRAINT bills_number_unique UNIQUE,
    date timestamptz NOT NULL DEFAULT now(),
    discount bigint NOT NULL CONSTRAINT bills_discount_not_negative CHECK (discount >= 0),
    total bigint NOT NULL CONSTRAINT bills_total_not_negative CHECK (total >= 0),
    payment_type smallint NOT NULL CONSTRAINT bills_payment_type_known CHECK (payment_type BETWEEN 1 AND 5),
    voided_at timestamptz
);

CREATE UNIQUE INDEX bills_order_unvoided ON bills (order_id) WHERE voided_at IS NULL;
CREATE INDEX idx_bills_order ON bills (order_id);

-- The next number of a series. The row stays locked until the bill is committed or given up, so numbers have no gaps.
CREATE FUNCTION next_bill_number(wanted text) RETURNS text LANGUAGE sql AS $$
    UPDATE bill_series SET last_number = last_number + 1 WHERE series = wanted
    RETURNING series || '-' || lpad(last_number::text, greatest(8, length(last_number::text)), '0');
$$;

CREATE TABLE reviews (
    id_key bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT reviews_pkey PRIMARY KEY,
    product_id bigint NOT NULL CONSTRAINT reviews_product_exists REFERENCES products ON DELETE CASCADE,
    client_id bigint NOT NULL CONSTRAINT reviews_client_exists REFERENCES clients ON DELETE CASCADE,
    -- In tenths: 10 is 1.0, 50 is 5.0.
    rating smallint NOT NULL CONSTRAINT reviews_rating_range CHECK (rating BETWEEN 10 AND 50),
    comment text CONSTRAINT reviews_comment_length CHECK (char_length(comment) BETWEEN 10 AND 1000),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reviews_one_per_client UNIQUE (client_id, product_id)
);

CREATE INDEX idx_reviews_product ON reviews (product_id, id_key);

-- Keep products.rating_* equal to the reviews, whoever writes them: the API, a cascade, or SQL by hand.
-- Products are locked in id order first, so that two statements over several products cannot wait for each other.
CREATE FUNCTION add_to_product_ratings(ids bigint[], sums bigint[], counts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM products WHERE id_key = ANY (ids) ORDER BY id_key FOR NO KEY UPDATE;
    UPDATE products p SET rating_sum = p.rating_sum + change.rating_sum, rating_count = p.rating_count + change.rating_count
    FROM unnest(ids, sums, counts) AS change (id_key, rating_sum, rating_count)
    WHERE p.id_key = change.id_key;
END $$;

CREATE FUNCTION count_new_reviews() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_to_product_ratings(array_agg(product_id), array_agg(rating_sum), array_agg(rating_count))
    FROM (SELECT product_id, sum(rating) AS rating_sum, count(*) AS rating_count FROM added GROUP BY product_id) AS change
    HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE FUNCTION count_removed_reviews() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_to_product_ratings(array_agg(product_id), array_agg(rating_sum), array_agg(rating_count))
    FROM (SELECT product_id, -sum(rating) AS rating_sum, -count(*) AS rating_count FROM removed GROUP BY product_id) AS change
    HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE FUNCTION count_changed_reviews() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_to_product_ratings(array_agg(product_id), array_agg(rating_sum), array_agg(rating_count))
    FROM (
        SELECT product_id, sum(rating) AS rating_sum, sum(one) AS rating_count
        FROM (SELECT product_id, rating, 1 AS one FROM added UNION ALL SELECT product_id, -rating, -1 FROM removed) AS both_sides
        GROUP BY product_id
        HAVING sum(rating) <> 0 OR sum(one) <> 0
    ) AS change
    HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE TRIGGER reviews_added AFTER INSERT ON reviews
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_new_reviews();
CREATE TRIGGER reviews_removed AFTER DELETE ON reviews
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_removed_reviews();
CREATE TRIGGER reviews_changed AFTER UPDATE ON reviews
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_changed_reviews();

-- The foreign key alone would still take a client who was made anonymous.
CREATE FUNCTION refuse_deleted_client() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Locked first, in a statement of its own: a deletion that is under way is waited for and then seen.
    PERFORM FROM clients WHERE id_key = NEW.client_id FOR KEY SHARE;
    IF EXISTS (SELECT FROM clients WHERE id_key = NEW.client_id AND deleted_at IS NOT NULL) THEN
        RAISE EXCEPTION 'client % was deleted', NEW.client_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_TABLE_NAME || '_client_exists', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER addresses_client_not_deleted BEFORE INSERT OR UPDATE OF client_id ON addresses
    FOR EACH ROW EXECUTE FUNCTION refuse_deleted_client();
CREATE TRIGGER reviews_client_not_deleted BEFORE INSERT ON reviews
    FOR EACH ROW EXECUTE FUNCTION refuse_deleted_client();
