-- Search by words that are not written as they are typed (docs/search.md). The documents stay as they are, word by word; what a word is taken
-- for is looked up in the vocabulary, so that nothing has to be written anew for all products.

-- In the order in which writers of products take them.
LOCK TABLE products IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE categories IN ACCESS EXCLUSIVE MODE;

-- Both are trusted: whoever owns the database may create them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS fuzzystrmatch;

-- Every word of products and categories but numbers and codes. Several transactions may add a word at the same time, and it is there
-- more than once then: a unique key would have them wait for each other, in a circle at worst. Words are not taken away.
CREATE TABLE search_words (
    word text COLLATE "C" NOT NULL,
    -- What is left of it in each language; null for those that say nothing, such as articles.
    english text COLLATE "C" GENERATED ALWAYS AS ((ts_lexize('english_stem', word))[1]) STORED,
    spanish text COLLATE "C" GENERATED ALWAYS AS ((ts_lexize('spanish_stem', word))[1]) STORED
);

CREATE INDEX idx_search_words_word ON search_words (word);
CREATE INDEX idx_search_words_english ON search_words (english);
CREATE INDEX idx_search_words_spanish ON search_words (spanish);
CREATE INDEX idx_search_words_trigrams ON search_words USING gin (word gin_trgm_ops);

CREATE FUNCTION is_search_word(word text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN char_length(word) BETWEEN 2 AND 40 AND word !~ '[0-9]';

CREATE FUNCTION note_words_that_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH words AS MATERIALIZED (SELECT DISTINCT w.lexeme FROM added, unnest(added.search) AS w WHERE is_search_word(w.lexeme))
    INSERT INTO search_words (word)
    SELECT lexeme FROM words WHERE NOT EXISTS (SELECT FROM search_words s WHERE s.word = lexeme);
    RETURN NULL;
END $$;

CREATE FUNCTION note_words_of_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_words (word)
    SELECT lexeme FROM unnest(NEW.search)
    WHERE is_search_word(lexeme) AND NOT EXISTS (SELECT FROM search_words s WHERE s.word = lexeme);
    RETURN NULL;
END $$;

ALTER TABLE categories ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('simple', search_text(name))) STORED;
CREATE INDEX idx_categories_search ON categories USING gin (search);

CREATE TRIGGER note_words_of_insert AFTER INSERT ON products
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_words_that_came();
-- Sales do not name these columns, and do not come here.
CREATE TRIGGER note_words_of_update AFTER UPDATE OF name, sku, description ON products
    FOR EACH ROW WHEN (OLD.search IS DISTINCT FROM NEW.search) EXECUTE FUNCTION note_words_of_row();
CREATE TRIGGER note_words_of_insert AFTER INSERT ON categories
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_words_that_came();
CREATE TRIGGER note_words_of_update AFTER UPDATE OF name ON categories
    FOR EACH ROW WHEN (OLD.search IS DISTINCT FROM NEW.search) EXECUTE FUNCTION note_words_of_row();

-- The words of the products that were there before are noted a portion at a time, by Products/CatalogUpkeep.cs.
CREATE TABLE search_words_progress (
    only_row boolean NOT NULL DEFAULT true CONSTRAINT search_words_progress_pkey PRIMARY KEY CHECK (only_row),
    noted_up_to bigint NOT NULL,
    last bigint NOT NULL
);

INSERT INTO search_words_progress (noted_up_to, last) SELECT 0, coalesce(max(id_key), 0) FROM products;

-- False if there are none left, or if somebody else is at it.
CREATE FUNCTION note_words_of_next_products(portion integer) RETURNS boolean LANGUAGE plpgsql AS $$
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
    WITH words AS MATERIALIZED (
        SELECT DISTINCT w.lexeme FROM products p, unnest(p.search) AS w
        WHERE p.id_key > progress.noted_up_to AND p.id_key <= next AND is_search_word(w.lexeme))
    INSERT INTO search_words (word)
    SELECT lexeme FROM words WHERE NOT EXISTS (SELECT FROM search_words s WHERE s.word = lexeme);
    UPDATE search_words_progress SET noted_up_to = coalesce(next, last);
    RETURN true;
END $$;

INSERT INTO search_words (word)
SELECT DISTINCT w.lexeme FROM categories c, unnest(c.search) AS w WHERE is_search_word(w.lexeme);

CREATE TRIGGER log_cache_events_of_insert AFTER INSERT ON search_words
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_changed_rows('products:words');
CREATE TRIGGER log_cache_events_of_update AFTER UPDATE ON search_words
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_changed_rows('products:words');
CREATE TRIGGER log_cache_events_of_delete AFTER DELETE ON search_words
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_changed_rows('products:words');
CREATE TRIGGER log_cache_events_of_truncate AFTER TRUNCATE ON search_words
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_table('products:words');

-- How many products that may be shown have the word, as far as a hundred; a common one is known by some of the products, and the rest of them
-- need not be found. The others only by the index of words: a plan that is kept does not know the word, and would try another one for a
-- word that nobody has.
CREATE FUNCTION products_with(query tsquery, inactive_too boolean) RETURNS bigint LANGUAGE plpgsql STABLE
    SET enable_seqscan = off SET enable_sort = off SET jit = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT search, active FROM products ORDER BY rating_count DESC, id_key DESC LIMIT 300) AS known
        WHERE search @@ query AND (active OR inactive_too))
    THEN
        RETURN 100;
    END IF;
    RETURN products_among_all_with(query, inactive_too);
END $$;

CREATE FUNCTION products_among_all_with(query tsquery, inactive_too boolean) RETURNS bigint LANGUAGE plpgsql STABLE
    SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off SET jit = off AS $$
BEGIN
    RETURN (SELECT count(*) FROM (SELECT FROM products WHERE search @@ query AND (active OR inactive_too) LIMIT 100) AS a_few)
        + (SELECT count(*) FROM categories WHERE search @@ query);
END $$;

-- The word that was probably meant: at most one letter is wrong in a short word, two in others, in it or in what is left of it in either
-- language; and there is a product to be shown for it. Of the four most alike it is the one that most products have.
CREATE FUNCTION corrected_word(typed text, inactive_too boolean) RETURNS text LANGUAGE plpgsql STABLE
    SET enable_seqscan = off SET jit = off AS $$
DECLARE
    most integer := CASE WHEN char_length(typed) < 3 THEN 0 WHEN char_length(typed) < 5 THEN 1 ELSE 2 END;
    typed_english text := (ts_lexize('english_stem', typed))[1];
    typed_spanish text := (ts_lexize('spanish_stem', typed))[1];
    candidate record;
    products bigint;
    best text;
    best_distance integer;
    best_products bigint := 0;
    living integer := 0;
BEGIN
    -- No SET clause: a restore may make this function before the library is there, and then only a superuser could.
    PERFORM set_config('pg_trgm.similarity_threshold', '0.25', true);
    FOR candidate IN
        SELECT * FROM (
            SELECT DISTINCT word, similarity(word, typed) AS likeness, least(
                levenshtein_less_equal(word, typed, most), levenshtein_less_equal(english, typed_english, most),
                levenshtein_less_equal(spanish, typed_spanish, most)) AS distance
            FROM search_words WHERE word % typed AND word <> typed) AS alike
        WHERE distance <= most
        ORDER BY distance, likeness DESC, word LIMIT 20
    LOOP
        EXIT WHEN living = 4 OR candidate.distance > best_distance;
        products := products_with(quote_literal(candidate.word)::tsquery, inactive_too);
        IF products > 0 THEN
            living := living + 1;
            IF products > best_products THEN
                best := candidate.word;
                best_distance := candidate.distance;
                best_products := products;
            END IF;
        END IF;
    END LOOP;
    RETURN best;
END $$;

-- What was typed, word by word, and what each word is taken for: itself, words of the same stem in either language, and, for the last one,
-- words that begin with it. The categories are those with such a word in their name, and those below them. A word that is not in the
-- vocabulary is corrected; in doubt, which is when nothing was found, so is one that is there and that no product to be shown has.
CREATE FUNCTION read_search(typed text, inactive_too boolean, in_doubt boolean)
    RETURNS TABLE (word text, is_known boolean, is_corrected boolean, query text, categories bigint[])
    LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off AS $$
DECLARE
    words text[];
    last_word text;
    telling text[];
    family text[];
    corrections integer := 0;
    correction text;
BEGIN
    SELECT array_agg(lexeme ORDER BY positions[1]), (array_agg(lexeme ORDER BY positions[cardinality(positions)] DESC))[1]
    INTO words, last_word FROM unnest(to_tsvector('simple', search_text(typed)));
    -- Articles and the like count only if there is nothing else.
    telling := ARRAY(
        SELECT w FROM unnest(words) WITH ORDINALITY AS u (w, n)
        WHERE ts_lexize('english_stem', w) <> '{}' AND ts_lexize('spanish_stem', w) <> '{}' ORDER BY n);
    IF cardinality(telling) > 0 THEN
        words := telling;
    END IF;
    FOREACH word IN ARRAY coalesce(words[:16], '{}') LOOP
        is_corrected := false;
        family := words_like(word);
        query := query_of_words(word, family, last_word);
        is_known := NOT is_search_word(word) OR cardinality(family) > 0 OR (word = last_word AND EXISTS (
            SELECT FROM search_words s
            WHERE s.word >= read_search.word COLLATE "C" AND s.word < (read_search.word || chr(1114111)) COLLATE "C"));
        -- The vocabulary may not have all words yet.
        IF is_search_word(word) AND (in_doubt OR NOT is_known) AND corrections < 5 AND products_with(query::tsquery, inactive_too) = 0 THEN
            corrections := corrections + 1;
            correction := corrected_word(word, inactive_too);
            IF correction IS NOT NULL THEN
                is_corrected := true;
                query := query_of_words(correction, words_like(correction), last_word);
                word := correction;
            END IF;
        END IF;
        categories := ARRAY(
            WITH RECURSIVE branch AS (
                SELECT c.id_key FROM categories c
                WHERE c.search @@ CASE WHEN char_length(word) < 3 THEN quote_literal(word) ELSE query END::tsquery
                UNION SELECT c.id_key FROM categories c JOIN branch b ON c.parent_id = b.id_key)
            SELECT id_key FROM branch);
        RETURN NEXT;
    END LOOP;
END $$;

-- A word or one of those that are like it; the one that may still be typed stands for its continuations as well.
CREATE FUNCTION query_of_words(typed text, family text[], last_word text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(quote_literal(w) || CASE WHEN w = last_word THEN ':*' ELSE '' END, ' | ' ORDER BY w <> typed, w)
    FROM (SELECT typed AS w UNION SELECT unnest(family)) AS meant
$$;

-- Words of the same stem in either language, the word itself among them if anything has it.
CREATE FUNCTION words_like(typed text) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT DISTINCT word FROM search_words
        WHERE word = typed COLLATE "C" OR english = (ts_lexize('english_stem', typed))[1] OR spanish = (ts_lexize('spanish_stem', typed))[1]
        ORDER BY word LIMIT 32);
$$;

-- As before, but for the number of reviews, by which lists are ordered now.
CREATE OR REPLACE FUNCTION log_changed_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM log_cache_event(
        array_agg('product:' || id_key)
        || array_agg('reviews:' || id_key) FILTER (WHERE exists_or_is_shown)
        || CASE WHEN bool_or(listed) THEN ARRAY['products'] END
        || CASE WHEN bool_or(in_stock) THEN ARRAY['products:stock'] END
        || CASE WHEN bool_or(rating) THEN ARRAY['products:rating'] END,
        array_agg(ARRAY[id_key, stock_version, stock]) FILTER (WHERE only_stock AND NOT listed AND NOT rating))
    FROM (
        SELECT
            coalesce(a.id_key, b.id_key) AS id_key,
            a.stock_version,
            a.stock,
            (a.id_key, a.active) IS DISTINCT FROM (b.id_key, b.active) AS exists_or_is_shown,
            (a.id_key, a.name, a.description, a.sku, a.price, a.category_id, a.active, a.created_at)
                IS DISTINCT FROM (b.id_key, b.name, b.description, b.sku, b.price, b.category_id, b.active, b.created_at) AS listed,
            a.in_stock IS DISTINCT FROM b.in_stock AS in_stock,
            (a.rating_average, a.rating_count) IS DISTINCT FROM (b.rating_average, b.rating_count) AS rating,
            (a.stock_version, a.rating_count, a.updated_at) IS NOT DISTINCT FROM (b.stock_version + 1, b.rating_count, b.updated_at)
                AS only_stock
        FROM added a FULL JOIN removed b ON a.id_key = b.id_key
    ) AS change
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
