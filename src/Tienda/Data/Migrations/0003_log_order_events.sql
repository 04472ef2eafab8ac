-- Who changed what about an order, and when; whoever wrote it: the API, a cascade, or SQL by hand.

-- No foreign key: the log outlives an order that is deleted.
CREATE TABLE order_events (
    id_key bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT order_events_pkey PRIMARY KEY,
    order_id bigint NOT NULL,
    date timestamptz NOT NULL DEFAULT now(),
    caller text NOT NULL,
    event text NOT NULL,
    details jsonb
);

CREATE INDEX idx_order_events_order ON order_events (order_id, id_key);

CREATE FUNCTION refuse_change_of_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% only takes new rows', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER order_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON order_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_log();

INSERT INTO order_events (order_id, date, caller, event)
SELECT id_key, date, 'client:' || client_id, 'placed' FROM orders ORDER BY id_key;

-- The program names who acts in tienda.caller, for one transaction at a time. Who has not is named by the database.
CREATE FUNCTION current_caller() RETURNS text LANGUAGE sql STABLE
    RETURN coalesce(nullif(current_setting('tienda.caller', true), ''), 'database:' || session_user);

-- A line as the log shows it, in the names and units of the API.
CREATE FUNCTION logged_line(id_key bigint, product_id bigint, quantity integer, price bigint) RETURNS jsonb LANGUAGE sql IMMUTABLE
    RETURN jsonb_build_object('id_key', id_key, 'product_id', product_id, 'quantity', quantity, 'price', round(price / 100.0, 2));

CREATE FUNCTION log_new_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_events (order_id, caller, event) SELECT id_key, current_caller(), 'placed' FROM added ORDER BY id_key;
    RETURN NULL;
END $$;

CREATE FUNCTION log_changed_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_events (order_id, caller, event, details)
    SELECT id_key, current_caller(), 'status_changed', jsonb_build_object('from', was.status, 'to', now_is.status)
    FROM removed AS was JOIN added AS now_is USING (id_key) WHERE was.status <> now_is.status ORDER BY id_key;
    INSERT INTO order_events (order_id, caller, event, details)
    SELECT id_key, current_caller(), 'delivery_changed', jsonb_build_object(
        'from', jsonb_build_object('delivery_method', was.delivery_method, 'address_id', was.address_id),
        'to', jsonb_build_object('delivery_method', now_is.delivery_method, 'address_id', now_is.address_id))
    FROM removed AS was JOIN added AS now_is USING (id_key)
    WHERE (was.delivery_method, was.address_id) IS DISTINCT FROM (now_is.delivery_method, now_is.address_id) ORDER BY id_key;
    RETURN NULL;
END $$;

CREATE FUNCTION log_deleted_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_events (order_id, caller, event, details)
    SELECT id_key, current_caller(), 'deleted', jsonb_build_object('client_id', client_id, 'total', round(total / 100.0, 2), 'status', status)
    FROM removed ORDER BY id_key;
    RETURN NULL;
END $$;

CREATE FUNCTION log_new_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_events (order_id, caller, event, details)
    SELECT order_id, current_caller(), 'line_added', logged_line(id_key, product_id, quantity, price) FROM added ORDER BY id_key;
    RETURN NULL;
END $$;

CREATE FUNCTION log_changed_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_events (order_id, caller, event, details)
    SELECT now_is.order_id, current_caller(), 'line_changed', jsonb_build_object(
        'from', logged_line(id_key, was.product_id, was.quantity, was.price),
        'to', logged_line(id_key, now_is.product_id, now_is.quantity, now_is.price))
    FROM removed AS was JOIN added AS now_is USING (id_key)
    WHERE (was.product_id, was.quantity, was.price) <> (now_is.product_id, now_is.quantity, now_is.price) ORDER BY id_key;
    RETURN NULL;
END $$;

CREATE FUNCTION log_removed_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_events (order_id, caller, event, details)
    SELECT order_id, current_caller(), 'line_removed', logged_line(id_key, product_id, quantity, price) FROM removed ORDER BY id_key;
    RETURN NULL;
END $$;

CREATE FUNCTION log_new_bills() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_events (order_id, caller, event, details)
    SELECT order_id, current_caller(), 'billed', jsonb_build_object('bill_id', id_key, 'bill_number', bill_number) FROM added ORDER BY id_key;
    RETURN NULL;
END $$;

CREATE FUNCTION log_voided_bills() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO order_events (order_id, caller, event, details)
    SELECT now_is.order_id, current_caller(), 'bill_voided', jsonb_build_object('bill_id', id_key, 'bill_number', now_is.bill_number)
    FROM removed AS was JOIN added AS now_is USING (id_key) WHERE was.voided_at IS NULL AND now_is.voided_at IS NOT NULL ORDER BY id_key;
    RETURN NULL;
END $$;

-- Many callers share a statement of place_orders(), which therefore writes these events itself and says so in tienda.logs_itself.
CREATE TRIGGER orders_logged_new AFTER INSERT ON orders REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT WHEN (coalesce(current_setting('tienda.logs_itself', true), '') <> 'on') EXECUTE FUNCTION log_new_orders();
CREATE TRIGGER order_details_logged_new AFTER INSERT ON order_details REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT WHEN (coalesce(current_setting('tienda.logs_itself', true), '') <> 'on') EXECUTE FUNCTION log_new_lines();
CREATE TRIGGER bills_logged_new AFTER INSERT ON bills REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT WHEN (coalesce(current_setting('tienda.logs_itself', true), '') <> 'on') EXECUTE FUNCTION log_new_bills();

CREATE TRIGGER orders_logged_changed AFTER UPDATE ON orders REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_orders();
CREATE TRIGGER orders_logged_deleted AFTER DELETE ON orders REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION log_deleted_orders();
CREATE TRIGGER order_details_logged_changed AFTER UPDATE ON order_details REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION log_changed_lines();
CREATE TRIGGER order_details_logged_removed AFTER DELETE ON order_details REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION log_removed_lines();
CREATE TRIGGER bills_logged_voided AFTER UPDATE ON bills REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION log_voided_bills();
