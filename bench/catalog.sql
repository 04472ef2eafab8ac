-- A catalog for ./bench.sh catalog, in an empty shop: :products is how many there shall be. Words are made of syllables by their number, as
-- catalog.lua makes them, and are as unequally frequent as those of a language (Zipf).
CREATE TEMPORARY TABLE syllables AS
SELECT n - 1 AS n, syllable FROM unnest('{ba,co,di,fu,ga,lo,mi,nu,pe,ra,so,ti,va,que,tro,pla,gri,ser,con,men,tal,dor,ci,mar,bel,ste,lin,ful,ly,est}'::text[])
    WITH ORDINALITY AS s (syllable, n);

CREATE TEMPORARY TABLE words AS
SELECT numbers.n, a.syllable || b.syllable || c.syllable AS word
FROM (SELECT n, n * 7919 % 27000 AS m FROM generate_series(0, 26999) AS n) AS numbers
    JOIN syllables a ON a.n = m % 30 JOIN syllables b ON b.n = m / 30 % 30 JOIN syllables c ON c.n = m / 900;
ANALYZE words;

INSERT INTO categories (name) SELECT 'Branch ' || n FROM generate_series(1, 10) AS n;
INSERT INTO categories (name, parent_id) SELECT 'Twig ' || n, 1 + n % 10 FROM generate_series(0, 89) AS n;

CREATE TEMPORARY TABLE texts AS
SELECT p, string_agg(word, ' ' ORDER BY place) FILTER (WHERE place <= 3) AS name,
    string_agg(word, ' ' ORDER BY place) FILTER (WHERE place > 3) AS description
FROM (SELECT p, place, floor(power(26999, 0.2 + 0.8 * random()))::integer AS n FROM generate_series(1, :products) AS p, generate_series(1, 18) AS place) AS drawn
    JOIN words USING (n)
GROUP BY p;

INSERT INTO products (name, description, sku, price, stock, category_id, created_at, rating_count, rating_sum)
SELECT name || CASE p % 4 WHEN 0 THEN ' stone' WHEN 1 THEN ' wood' ELSE '' END, description, 'C-' || p, (100 * exp(random() * 7))::bigint, CASE WHEN random() < 0.05 THEN 0 ELSE 10 END,
    11 + floor(90 * random() * random())::bigint, now() - random() * interval '1000 days', reviews, reviews * stars
FROM (SELECT *, floor(200 * power(random(), 6))::integer AS reviews, 20 + floor(31 * random())::integer AS stars FROM texts) AS drawn;

VACUUM ANALYZE products, categories, product_counts, search_words;
