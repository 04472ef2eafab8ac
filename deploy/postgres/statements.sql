-- What statements cost, seen from the shop's database, under the names that they have since PostgreSQL 13 (total_exec_time, mean_exec_time)
-- and under the older ones that many a guide still asks for. Runs once, when the database is made.
CREATE SCHEMA statements;
CREATE EXTENSION pg_stat_statements SCHEMA statements;
CREATE VIEW public.pg_stat_statements AS
SELECT *, total_exec_time AS total_time, mean_exec_time AS mean_time
FROM statements.pg_stat_statements;
