-- Who may do everything. Set by ADMIN_EMAIL for the first one and by tienda administrators for others, never through the API.
ALTER TABLE clients ADD COLUMN administrator boolean NOT NULL DEFAULT false;

-- One row per sign-in. Its refresh token carries the row's id and a secret, of which only the hash is kept. Every refresh replaces
-- the secret: whoever still shows an older one has a copy, and the whole session ends.
CREATE TABLE sessions (
    id_key uuid CONSTRAINT sessions_pkey PRIMARY KEY,
    client_id bigint NOT NULL CONSTRAINT sessions_client_exists REFERENCES clients ON DELETE CASCADE,
    secret_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE INDEX idx_sessions_client ON sessions (client_id, expires_at);
