-- Searches that cost less (docs/search.md). Functions in SQL are planned anew in every statement that calls them, those in PL/pgSQL once for
-- a connection; and most mistakes are one letter, which needs no comparison of three thousand words.

CREATE OR REPLACE FUNCTION query_of_words(typed text, family text[], last_word text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT string_agg(quote_literal(w) || CASE WHEN w = last_word THEN ':*' ELSE '' END, ' | ' ORDER BY w <> typed, w)
        FROM (SELECT typed AS w UNION SELECT unnest(family)) AS meant);
END $$;

CREATE OR REPLACE FUNCTION words_like(typed text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    english_stem text := (ts_lexize('english_stem', typed))[1];
    spanish_stem text := (ts_lexize('spanish_stem', typed))[1];
BEGIN
    RETURN ARRAY(
        SELECT DISTINCT word FROM search_words
        WHERE word = typed COLLATE "C" OR english = english_stem OR spanish = spanish_stem
        ORDER BY word LIMIT 32);
END $$;

-- The word, and what is left of it when any one letter is left out. Two words that differ by a letter have one of these in common
-- (W. Garbe's symmetric deletes, with one deletion).
CREATE FUNCTION shortened_forms(word text) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ARRAY(
        SELECT word UNION SELECT overlay(word, '', n, 1) FROM generate_series(1, char_length(word)) AS n);

LOCK TABLE search_words IN ACCESS EXCLUSIVE MODE;
ALTER TABLE search_words ADD COLUMN forms text[] COLLATE "C" GENERATED ALWAYS AS (shortened_forms(word)) STORED;
CREATE INDEX idx_search_words_forms ON search_words USING gin (forms);

-- As before, but only words that many products have need to be known by some of the best known: those are met among sixty, and the others are
-- found by the index soon.
CREATE OR REPLACE FUNCTION products_with(query tsquery, inactive_too boolean) RETURNS bigint LANGUAGE plpgsql STABLE
    SET enable_seqscan = off SET enable_sort = off SET jit = off AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT search, active FROM products ORDER BY rating_count DESC, id_key DESC LIMIT 60) AS known
        WHERE search @@ query AND (active OR inactive_too))
    THEN
        RETURN 100;
    END IF;
    RETURN products_among_all_with(query, inactive_too);
END $$;

-- As before, but words that differ by one letter are looked for first, and any others only if no product has one of those.
CREATE OR REPLACE FUNCTION corrected_word(typed text, inactive_too boolean) RETURNS text LANGUAGE plpgsql STABLE
    SET enable_seqscan = off SET jit = off AS $$
DECLARE
    most integer := CASE WHEN char_length(typed) < 3 THEN 0 WHEN char_length(typed) < 5 THEN 1 ELSE 2 END;
    typed_english text := (ts_lexize('english_stem', typed))[1];
    typed_spanish text := (ts_lexize('spanish_stem', typed))[1];
    typed_forms text[] := shortened_forms(typed);
    candidate text;
    products bigint;
    best text;
    best_products bigint := 0;
    living integer := 0;
    distance integer;
    best_distance integer;
BEGIN
    IF most = 0 THEN
        RETURN NULL;
    END IF;
    FOR candidate IN
        SELECT word FROM (SELECT DISTINCT word FROM search_words WHERE forms && typed_forms AND word <> typed) AS alike
        WHERE levenshtein_less_equal(word, typed, 1) = 1 ORDER BY similarity(word, typed) DESC, word LIMIT 20
    LOOP
        EXIT WHEN living = 4;
        products := products_with(quote_literal(candidate)::tsquery, inactive_too);
        living := living + (products > 0)::integer;
        IF products > best_products THEN
            best := candidate;
            best_products := products;
        END IF;
    END LOOP;
    IF living > 0 THEN
        RETURN best;
    END IF;

    -- No SET clause: a restore may make this function before the library is there, and then only a superuser could.
    PERFORM set_config('pg_trgm.similarity_threshold', '0.25', true);
    FOR candidate, distance IN
        SELECT a.word, a.distance FROM (
            SELECT DISTINCT word, similarity(word, typed) AS likeness, least(
                levenshtein_less_equal(word, typed, most), levenshtein_less_equal(english, typed_english, most),
                levenshtein_less_equal(spanish, typed_spanish, most)) AS distance
            FROM search_words WHERE word % typed AND word <> typed) AS a
        WHERE a.distance <= most
        ORDER BY a.distance, a.likeness DESC, a.word LIMIT 20
    LOOP
        EXIT WHEN living = 4 OR distance > best_distance;
        products := products_with(quote_literal(candidate)::tsquery, inactive_too);
        IF products > 0 THEN
            living := living + 1;
            IF products > best_products THEN
                best := candidate;
                best_distance := distance;
                best_products := products;
            END IF;
        END IF;
    END LOOP;
    RETURN best;
END $$;
