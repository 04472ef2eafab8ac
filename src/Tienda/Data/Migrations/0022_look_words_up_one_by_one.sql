-- A plan is kept for a connection until autovacuum comes by. One that was made while the vocabulary was empty, as far as PostgreSQL knew,
-- read the whole of it for every portion of an import, and compared every word with every other, while it grew. So words that come are
-- looked up one by one: OFFSET 0 keeps PostgreSQL from joining them, and enable_seqscan from reading a table whole that is small and may be
-- large soon.

CREATE OR REPLACE FUNCTION note_words_that_came() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET jit = off AS $$
BEGIN
    WITH lexemes AS MATERIALIZED (SELECT DISTINCT w.lexeme FROM added, unnest(added.search) AS w),
    words AS MATERIALIZED (SELECT DISTINCT vocabulary_entry(lexeme) AS word FROM lexemes)
    INSERT INTO search_words (word)
    SELECT word FROM words WHERE word IS NOT NULL AND NOT EXISTS (SELECT FROM search_words s WHERE s.word = words.word OFFSET 0);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION note_words_of_row() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET jit = off AS $$
BEGIN
    INSERT INTO search_words (word)
    SELECT word FROM (SELECT DISTINCT vocabulary_entry(lexeme) AS word FROM unnest(NEW.search)) AS words
    WHERE word IS NOT NULL AND NOT EXISTS (SELECT FROM search_words s WHERE s.word = words.word OFFSET 0);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION note_words_of_next_products(portion integer) RETURNS boolean LANGUAGE plpgsql
    SET enable_seqscan = off SET jit = off AS $$
DECLARE
    progress record;
    next bigint;
BEGIN
    SELECT noted_up_to, last INTO progress FROM search_words_progress WHERE noted_up_to < last FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT max(id_key) INTO next FROM (
        SELECT id_key FROM products WHERE id_key > progress.noted_up_to ORDER BY id_key LIMIT portion) AS portion_of_products;
    WITH lexemes AS MATERIALIZED (
        SELECT DISTINCT w.lexeme FROM products p, unnest(p.search) AS w WHERE p.id_key > progress.noted_up_to AND p.id_key <= next),
    words AS MATERIALIZED (SELECT DISTINCT vocabulary_entry(lexeme) AS word FROM lexemes)
    INSERT INTO search_words (word)
    SELECT word FROM words WHERE word IS NOT NULL AND NOT EXISTS (SELECT FROM search_words s WHERE s.word = words.word OFFSET 0);
    UPDATE search_words_progress SET noted_up_to = coalesce(next, last);
    RETURN true;
END $$;

-- Applies the next lines of the import whose turn it is, and notes in the same transaction how far it has come. Answers that
-- import, 0 if somebody else is at it, or nothing if there is none. Only one works at a time: two could wait for each other's skus. Products
-- are locked as orders lock them: by id, and all before one is written; a quarter of a portion at most, so that orders need not wait long.
-- Who fails with a lock that is not available, a deadlock or a serialization failure tries again; nothing was applied.
CREATE OR REPLACE FUNCTION apply_import_lines(portion integer) RETURNS SETOF bigint LANGUAGE plpgsql
    -- A plan is kept for the life of a connection, and lines that have just come are in no statistics: some lines are read in order, and
    -- their products looked up one by one.
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off
    -- It holds other products, and orders wait for them, while it waits for one that somebody does not give back.
    SET lock_timeout = '200ms' AS $$
DECLARE
    most_bytes CONSTANT bigint := 1024 * 1024; -- of descriptions, whose words take the time
    import product_imports;
    last bigint;
    taken bigint;
    known bigint[]; -- lines
    ids bigint[]; -- of their products
    skus text[]; -- of the lines
    lost bigint[]; -- lines that were right when they were checked, and are not any more
    locked bigint := 0;
    changed bigint := 0;
    added bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('product_imports')) THEN
        RETURN NEXT 0;
        RETURN;
    END IF;
    -- One that was begun goes on, also if one with an earlier turn was committed later.
    SELECT * INTO import FROM product_imports WHERE status = 'applying' ORDER BY applied_to = 0, turn LIMIT 1 FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM set_config('tienda.caller', import.caller, true), set_config('tienda.cause', 'import', true);
    IF import.lines > 1000 THEN
        PERFORM set_config('tienda.imports_many', 'on', true);
    END IF;

    SELECT max(line), count(*) INTO last, taken
    FROM (
        SELECT line, row_number() OVER (ORDER BY line) AS place, sum(bytes) OVER (ORDER BY line) AS bytes
        FROM (
            SELECT line, coalesce(octet_length(description), 0) AS bytes FROM product_import_lines
            WHERE import_id = import.id_key AND line > import.applied_to ORDER BY line LIMIT portion) AS ahead
    ) AS next
    WHERE place = 1 OR bytes <= most_bytes;
    -- In a transaction of its own: whoever reads that it is completed finds all that it has changed, also in a cache.
    IF taken = 0 THEN
        DELETE FROM product_import_categories WHERE import_id = import.id_key;
        UPDATE product_imports SET status = 'completed', finished_at = now() WHERE id_key = import.id_key;
        RETURN NEXT import.id_key;
        RETURN;
    END IF;

    IF import.known_to IS NULL THEN
        -- The nearest to the decision that was noted, and before all that the import itself has made.
        SELECT coalesce(max(id_key), 0) INTO import.known_to FROM products WHERE created_at <= import.received_at;
    END IF;
    SELECT coalesce(array_agg(line ORDER BY line), '{}'), coalesce(array_agg(id_key ORDER BY line), '{}'),
        coalesce(array_agg(sku ORDER BY line), '{}') INTO known, ids, skus
    FROM (
        SELECT l.line, l.sku, coalesce(s.id_key, CASE WHEN i.sku IS NULL THEN i.id_key END) AS id_key
        FROM product_import_lines l
            LEFT JOIN LATERAL (SELECT id_key FROM products WHERE sku = l.sku OFFSET 0) AS s ON true
            LEFT JOIN LATERAL (
                SELECT id_key, sku FROM products WHERE l.sku IS NULL AND id_key = l.product_id AND id_key <= import.known_to OFFSET 0) AS i ON true
        WHERE l.import_id = import.id_key AND l.line > import.applied_to AND l.line <= last
    ) AS found
    WHERE id_key IS NOT NULL;

    IF cardinality(known) > greatest(1, portion / 4) THEN
        known := known[:greatest(1, portion / 4)];
        ids := ids[:cardinality(known)];
        skus := skus[:cardinality(known)];
        last := known[cardinality(known)];
        SELECT count(*) INTO taken FROM product_import_lines
        WHERE import_id = import.id_key AND line > import.applied_to AND line <= last;
    END IF;

    IF cardinality(known) > 0 THEN
        -- Also whether each still is the one that its line means: a sku may have been changed before it was locked.
        WITH held AS MATERIALIZED (SELECT id_key, sku FROM products WHERE id_key = ANY (ids) ORDER BY id_key FOR NO KEY UPDATE)
        SELECT count(*) INTO locked
        FROM held WHERE sku IS NOT DISTINCT FROM skus[array_position(ids, id_key)];
        UPDATE products p SET
            name = n.name, description = n.description, price = n.price, stock = n.stock, category_id = n.category_id, active = n.active,
            updated_at = now()
        FROM (
            SELECT o.id_key, coalesce(l.name, o.name) AS name, coalesce(l.price, o.price) AS price, coalesce(l.stock, o.stock) AS stock,
                coalesce(l.active, o.active) AS active,
                CASE WHEN l.has_description THEN l.description ELSE o.description END AS description,
                CASE WHEN l.has_category THEN l.category_id ELSE o.category_id END AS category_id
            FROM unnest(known, ids) AS k (line, id_key)
                CROSS JOIN LATERAL (SELECT * FROM product_import_lines WHERE import_id = import.id_key AND line = k.line OFFSET 0) AS l
                CROSS JOIN LATERAL (SELECT * FROM products WHERE id_key = k.id_key OFFSET 0) AS o
        ) AS n
        WHERE p.id_key = ANY (ids) AND p.id_key = n.id_key AND (p.name, p.description, p.price, p.stock, p.category_id, p.active)
            IS DISTINCT FROM (n.name, n.description, n.price, n.stock, n.category_id, n.active);
        GET DIAGNOSTICS changed = ROW_COUNT;
    END IF;

    WITH wrong AS (
        SELECT l.line, CASE WHEN l.sku IS NULL AND NOT owned.by_sku THEN 'id_key' ELSE 'sku' END AS field,
            CASE WHEN owned.by_sku THEN 'is missing, and the product with this id_key has one'
                ELSE 'is that of a product that was deleted meanwhile' END AS message
        FROM product_import_lines l
            CROSS JOIN LATERAL (
                SELECT EXISTS (
                    SELECT FROM products p
                    WHERE l.sku IS NULL AND p.id_key = l.product_id AND p.id_key <= import.known_to AND p.sku IS NOT NULL OFFSET 0)
            ) AS owned (by_sku)
        WHERE l.import_id = import.id_key AND l.line > import.applied_to AND l.line <= last AND l.line <> ALL (known)
            AND (owned.by_sku OR num_nulls(l.name, l.price, l.stock) > 0))
    SELECT coalesce(array_agg(line ORDER BY line), '{}'),
        import.errors || coalesce(
            jsonb_agg(jsonb_build_object('line', line, 'field', field, 'message', message) ORDER BY line) FILTER (WHERE place <= 0), '[]')
    INTO lost, import.errors
    FROM (SELECT *, row_number() OVER (ORDER BY line) - 100 + jsonb_array_length(import.errors) AS place FROM wrong) AS numbered;

    INSERT INTO products (name, description, sku, price, stock, category_id, active)
    SELECT l.name, l.description, l.sku, l.price, l.stock, l.category_id, coalesce(l.active, true)
    FROM product_import_lines l
    WHERE l.import_id = import.id_key AND l.line > import.applied_to AND l.line <= last
        AND l.line <> ALL (known) AND l.line <> ALL (lost)
    ORDER BY l.line
    ON CONFLICT (sku) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    IF locked < cardinality(known) OR added < taken - cardinality(lost) - cardinality(known) THEN
        RAISE EXCEPTION 'products came or went meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;

    -- From where the last portion ended: what was deleted before stands in the index for a while.
    DELETE FROM product_import_lines WHERE import_id = import.id_key AND line > import.applied_to AND line <= last;
    UPDATE product_imports i SET
        applied_to = last, known_to = import.known_to, created = i.created + added, updated = i.updated + changed,
        unchanged = i.unchanged + cardinality(known) - changed,
        invalid_lines = i.invalid_lines + cardinality(lost), errors = import.errors
    WHERE id_key = import.id_key;
    RETURN NEXT import.id_key;
END $$;
