-- What may still be typed stands for the words of the vocabulary that begin with it, each by itself: an index finds whatever begins like this
-- five times more slowly (docs/search.md). For that the vocabulary has to tell of every word, also of those that it leaves out.

-- In the order in which writers of products take them.
LOCK TABLE products IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE categories IN SHARE ROW EXCLUSIVE MODE;

-- Without STRICT, which would keep PostgreSQL from putting it in place of its call.
CREATE OR REPLACE FUNCTION is_search_word(word text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN char_length(word) BETWEEN 2 AND 40 AND word !~ '[0-9]';

-- What the vocabulary has of a word: the word, or, if it is a code or too long, how it begins, and 0, which no word has.
CREATE FUNCTION vocabulary_entry(lexeme text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN is_search_word(lexeme) THEN lexeme ELSE nullif(left(substring(lexeme, '^[^0-9]*'), 40), '') || '0' END;

-- Nobody means a part of a code.
DROP INDEX idx_search_words_trigrams, idx_search_words_forms;
CREATE INDEX idx_search_words_trigrams ON search_words USING gin (word gin_trgm_ops) WHERE is_search_word(word);
CREATE INDEX idx_search_words_forms ON search_words USING gin (forms) WHERE is_search_word(word);

CREATE OR REPLACE FUNCTION note_words_that_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH lexemes AS MATERIALIZED (SELECT DISTINCT w.lexeme FROM added, unnest(added.search) AS w),
    words AS MATERIALIZED (SELECT DISTINCT vocabulary_entry(lexeme) AS word FROM lexemes)
    INSERT INTO search_words (word)
    SELECT word FROM words WHERE word IS NOT NULL AND NOT EXISTS (SELECT FROM search_words s WHERE s.word = words.word);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION note_words_of_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_words (word)
    SELECT word FROM (SELECT DISTINCT vocabulary_entry(lexeme) AS word FROM unnest(NEW.search)) AS words
    WHERE word IS NOT NULL AND NOT EXISTS (SELECT FROM search_words s WHERE s.word = words.word);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION note_words_of_next_products(portion integer) RETURNS boolean LANGUAGE plpgsql AS $$
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
    SELECT word FROM words WHERE word IS NOT NULL AND NOT EXISTS (SELECT FROM search_words s WHERE s.word = words.word);
    UPDATE search_words_progress SET noted_up_to = coalesce(next, last);
    RETURN true;
END $$;

INSERT INTO search_words (word)
SELECT word FROM (SELECT DISTINCT vocabulary_entry(w.lexeme) AS word FROM categories c, unnest(c.search) AS w) AS words
WHERE word IS NOT NULL AND NOT EXISTS (SELECT FROM search_words s WHERE s.word = words.word);
UPDATE search_words_progress SET noted_up_to = 0, last = coalesce((SELECT max(id_key) FROM products), 0);

-- How a word is looked for depends on whether all words are noted.
CREATE TRIGGER log_cache_events_of_insert AFTER INSERT ON search_words_progress
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_changed_rows('products:words');
CREATE TRIGGER log_cache_events_of_update AFTER UPDATE ON search_words_progress
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_changed_rows('products:words');
CREATE TRIGGER log_cache_events_of_delete AFTER DELETE ON search_words_progress
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION log_changed_rows('products:words');
CREATE TRIGGER log_cache_events_of_truncate AFTER TRUNCATE ON search_words_progress
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_table('products:words');

-- The words that begin like this. Null if that is not known yet, if there are codes among them, or if they are too many to be looked for one
-- by one.
CREATE FUNCTION words_beginning(begun text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    most CONSTANT integer := 32;
    words text[];
BEGIN
    IF EXISTS (SELECT FROM search_words_progress WHERE noted_up_to < last) THEN
        RETURN NULL;
    END IF;
    words := ARRAY(
        SELECT DISTINCT word FROM search_words WHERE word >= begun COLLATE "C" AND word < (begun || chr(1114111)) COLLATE "C"
        ORDER BY word LIMIT most + 1);
    RETURN CASE WHEN cardinality(words) <= most AND NOT EXISTS (SELECT FROM unnest(words) AS w WHERE NOT is_search_word(w)) THEN words END;
END $$;

-- Whether a product that may be shown, or a category, has the word; a common one is met among the best known, and the others only by the
-- index of words: a plan that is kept does not know the word, and would try another way for one that nobody has.
CREATE FUNCTION has_products(query tsquery, inactive_too boolean) RETURNS boolean LANGUAGE plpgsql STABLE
    SET enable_seqscan = off SET enable_sort = off SET jit = off AS $$
BEGIN
    RETURN EXISTS (
            SELECT FROM (SELECT search, active FROM products ORDER BY rating_count DESC, id_key DESC LIMIT 60) AS known
            WHERE search @@ query AND (active OR inactive_too))
        OR has_products_among_all(query, inactive_too);
END $$;

CREATE FUNCTION has_products_among_all(query tsquery, inactive_too boolean) RETURNS boolean LANGUAGE plpgsql STABLE
    SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off SET jit = off AS $$
BEGIN
    RETURN EXISTS (SELECT FROM products WHERE search @@ query AND (active OR inactive_too))
        OR EXISTS (SELECT FROM categories WHERE search @@ query);
END $$;

-- Of the first four for which there is something to be shown, the word that most products have.
CREATE FUNCTION most_common_word(words text[], inactive_too boolean) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    candidate text;
    living text[] := '{}';
BEGIN
    FOREACH candidate IN ARRAY words LOOP
        EXIT WHEN cardinality(living) = 4;
        IF has_products(quote_literal(candidate)::tsquery, inactive_too) THEN
            living := array_append(living, candidate);
        END IF;
    END LOOP;
    IF cardinality(living) < 2 THEN
        RETURN living[1];
    END IF;
    RETURN (
        SELECT w FROM unnest(living) WITH ORDINALITY AS l (w, n)
        ORDER BY products_with(quote_literal(w)::tsquery, inactive_too) DESC, n LIMIT 1);
END $$;

-- As before, but how many products have a word is only counted where there is a choice.
CREATE OR REPLACE FUNCTION corrected_word(typed text, inactive_too boolean) RETURNS text LANGUAGE plpgsql STABLE
    SET enable_seqscan = off SET jit = off AS $$
DECLARE
    most integer := CASE WHEN char_length(typed) < 3 THEN 0 WHEN char_length(typed) < 5 THEN 1 ELSE 2 END;
    typed_english text := (ts_lexize('english_stem', typed))[1];
    typed_spanish text := (ts_lexize('spanish_stem', typed))[1];
    typed_forms text[] := shortened_forms(typed);
    candidates text[];
    best text;
BEGIN
    IF most = 0 THEN
        RETURN NULL;
    END IF;
    candidates := ARRAY(
        SELECT word FROM (
            SELECT DISTINCT word FROM search_words WHERE forms && typed_forms AND word <> typed AND is_search_word(word)) AS alike
        WHERE levenshtein_less_equal(word, typed, 1) = 1 ORDER BY similarity(word, typed) DESC, word LIMIT 20);
    best := most_common_word(candidates, inactive_too);
    IF best IS NOT NULL THEN
        RETURN best;
    END IF;

    -- No SET clause: a restore may make this function before the library is there, and then only a superuser could.
    PERFORM set_config('pg_trgm.similarity_threshold', '0.25', true);
    FOR candidates IN
        SELECT array_agg(word ORDER BY likeness DESC, word) FROM (
            SELECT * FROM (
                SELECT DISTINCT word, similarity(word, typed) AS likeness, least(
                    levenshtein_less_equal(word, typed, most), levenshtein_less_equal(english, typed_english, most),
                    levenshtein_less_equal(spanish, typed_spanish, most)) AS distance
                FROM search_words WHERE word % typed AND word <> typed AND is_search_word(word)) AS alike
            WHERE distance <= most
            ORDER BY distance, likeness DESC, word LIMIT 20) AS nearest
        GROUP BY distance ORDER BY distance
    LOOP
        best := most_common_word(candidates, inactive_too);
        IF best IS NOT NULL THEN
            RETURN best;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- As before, and with the words that each stands for; is_begun says that whatever begins with it is meant as well. Every statement in it is
-- planned once for a connection: there is one way for each, and planning took longer than most of them.
DROP FUNCTION read_search(text, boolean, boolean);
DROP FUNCTION query_of_words(text, text[], text);
-- Nothing has asked it since there is a vocabulary.
DROP FUNCTION search_query(text);

CREATE FUNCTION query_of_words(typed text, meant text[], is_begun boolean) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (
        SELECT string_agg(quote_literal(w) || CASE WHEN is_begun AND w = typed THEN ':*' ELSE '' END, ' | ' ORDER BY w <> typed, w)
        FROM unnest(meant) AS m (w));
END $$;

CREATE FUNCTION read_search(typed text, inactive_too boolean, in_doubt boolean)
    RETURNS TABLE (word text, is_known boolean, is_corrected boolean, query text, words text[], is_begun boolean, categories bigint[])
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
    typed_words text[];
    last_word text;
    telling text[];
    family text[];
    continued text[];
    corrections integer := 0;
    correction text;
BEGIN
    SELECT array_agg(lexeme ORDER BY positions[1]), (array_agg(lexeme ORDER BY positions[cardinality(positions)] DESC))[1]
    INTO typed_words, last_word FROM unnest(to_tsvector('simple', search_text(typed)));
    -- Articles and the like count only if there is nothing else.
    telling := ARRAY(
        SELECT w FROM unnest(typed_words) WITH ORDINALITY AS u (w, n)
        WHERE ts_lexize('english_stem', w) <> '{}' AND ts_lexize('spanish_stem', w) <> '{}' ORDER BY n);
    IF cardinality(telling) > 0 THEN
        typed_words := telling;
    END IF;
    FOREACH word IN ARRAY coalesce(typed_words[:16], '{}') LOOP
        is_corrected := false;
        is_begun := word = last_word;
        family := words_like(word);
        continued := CASE WHEN is_begun AND is_search_word(word) THEN words_beginning(word) END;
        is_known := NOT is_search_word(word) OR cardinality(family) > 0 OR coalesce(cardinality(continued), 0) > 0
            OR (is_begun AND continued IS NULL AND EXISTS (
                SELECT FROM search_words s
                WHERE s.word >= read_search.word COLLATE "C" AND s.word < (read_search.word || chr(1114111)) COLLATE "C"));
        is_begun := is_begun AND continued IS NULL;
        -- What begins like it is meant anyway, and would count twice.
        words := ARRAY(
            SELECT w FROM (SELECT unnest(family) UNION SELECT read_search.word UNION SELECT unnest(continued)) AS meant (w)
            WHERE NOT (is_begun AND w <> read_search.word AND starts_with(w, read_search.word)));
        query := query_of_words(word, words, is_begun);
        -- The vocabulary may not have all words yet.
        IF is_search_word(word) AND (in_doubt OR NOT is_known) AND corrections < 5
            AND NOT has_products(query::tsquery, inactive_too)
        THEN
            corrections := corrections + 1;
            correction := corrected_word(word, inactive_too);
            IF correction IS NOT NULL THEN
                is_corrected := true;
                is_begun := false;
                word := correction;
                words := ARRAY(SELECT unnest(words_like(correction)) UNION SELECT correction);
                query := query_of_words(word, words, is_begun);
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
