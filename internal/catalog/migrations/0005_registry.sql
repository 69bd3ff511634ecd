-- Models that were registered by hand or by an MLflow client, in the tables of those that a release registered.

ALTER TABLE model_names ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE model_names ADD COLUMN created_by TEXT NOT NULL DEFAULT '';
ALTER TABLE model_names ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE model_names ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
-- A deleted name keeps its row: its numbers are never given again.
ALTER TABLE model_names ADD COLUMN deleted_at BIGINT;
-- The highest revision of an alias that was taken away: an alias that comes back must not look unmoved.
ALTER TABLE model_names ADD COLUMN last_alias_rev BIGINT NOT NULL DEFAULT 0;
UPDATE model_names SET
    created_at = COALESCE((SELECT MIN(m.created_at) FROM models m WHERE m.name = model_names.name), 0),
    updated_at = COALESCE((SELECT MAX(m.updated_at) FROM models m WHERE m.name = model_names.name), 0),
    created_by = COALESCE((SELECT m.created_by FROM models m WHERE m.name = model_names.name ORDER BY m.number LIMIT 1), '');

CREATE TABLE registered_model_tags (
    name  {name} NOT NULL REFERENCES model_names (name),
    key   {name} NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name, key)
);

-- Who is told of registry events. The events table is the outbox: cursor is the last event this one has had or was passed over.
CREATE TABLE webhooks (
    id          {name} PRIMARY KEY,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    url         TEXT NOT NULL,
    events      TEXT NOT NULL, -- a JSON array of names such as "model_version.created"
    secret      {bytes},       -- sealed by the keeper if there is one
    sealed      BOOLEAN NOT NULL,
    active      BOOLEAN NOT NULL,
    cursor      BIGINT NOT NULL,
    delivered   BIGINT NOT NULL,
    attempts    BIGINT NOT NULL, -- failed ones at the event after cursor
    retry_at    BIGINT,
    last_status BIGINT NOT NULL, -- HTTP status of the last attempt; 0: no answer
    last_error  TEXT NOT NULL,
    last_at     BIGINT,
    created_by  TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX webhooks_created ON webhooks (created_at, id);
