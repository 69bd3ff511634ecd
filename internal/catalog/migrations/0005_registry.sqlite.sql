-- SQLite can't change a CHECK or a foreign key: the tables are made anew. The children go before their parent, so that
-- no row is ever without one.
CREATE TABLE models_new (
    name           TEXT NOT NULL REFERENCES model_names (name),
    version        TEXT NOT NULL,
    number         BIGINT NOT NULL,
    id             TEXT NOT NULL UNIQUE,
    digest         TEXT NOT NULL,
    stage          TEXT NOT NULL CHECK (stage IN ('none', 'staging', 'production', 'archived', 'rejected')),
    data_digest    TEXT REFERENCES data_versions (digest),
    release        TEXT NOT NULL,
    config         TEXT NOT NULL,
    metrics        TEXT NOT NULL,
    created_by     TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    rev            BIGINT NOT NULL,
    description    TEXT NOT NULL DEFAULT '',
    source         TEXT NOT NULL DEFAULT '',
    run            TEXT NOT NULL DEFAULT '',
    run_link       TEXT NOT NULL DEFAULT '',
    model_id       TEXT NOT NULL DEFAULT '',
    status         TEXT NOT NULL DEFAULT 'READY',
    status_message TEXT NOT NULL DEFAULT '',
    deleted_at     BIGINT,
    PRIMARY KEY (name, version),
    UNIQUE (name, number)
);
INSERT INTO models_new (name, version, number, id, digest, stage, data_digest, release, config, metrics, created_by, created_at, updated_at, rev)
    SELECT name, version, number, id, digest, stage, data_digest, release, config, metrics, created_by, created_at, updated_at, rev FROM models;

CREATE TABLE model_evidence_new (
    name    TEXT NOT NULL,
    version TEXT NOT NULL,
    seq     BIGINT NOT NULL,
    suite   TEXT NOT NULL,
    passed  BOOLEAN NOT NULL,
    report  TEXT NOT NULL,
    page    TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (name, version, seq),
    FOREIGN KEY (name, version) REFERENCES models_new (name, version) ON UPDATE CASCADE
);
INSERT INTO model_evidence_new SELECT name, version, seq, suite, passed, report, page, at FROM model_evidence;
CREATE TABLE model_aliases_new (
    name      TEXT NOT NULL,
    alias     TEXT NOT NULL,
    version   TEXT NOT NULL,
    rev       BIGINT NOT NULL,
    protected BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (name, alias),
    FOREIGN KEY (name, version) REFERENCES models_new (name, version) ON UPDATE CASCADE
);
INSERT INTO model_aliases_new (name, alias, version, rev) SELECT name, alias, version, rev FROM model_aliases;

DROP TABLE model_evidence;
DROP TABLE model_aliases;
DROP TABLE models;
-- RENAME also renames what the children refer to.
ALTER TABLE models_new RENAME TO models;
ALTER TABLE model_evidence_new RENAME TO model_evidence;
ALTER TABLE model_aliases_new RENAME TO model_aliases;

CREATE UNIQUE INDEX models_production ON models (name) WHERE stage = 'production';
CREATE INDEX models_data ON models (data_digest);
CREATE TABLE model_tags (
    name    TEXT NOT NULL,
    version TEXT NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (name, version, key),
    FOREIGN KEY (name, version) REFERENCES models (name, version) ON UPDATE CASCADE
);
CREATE INDEX models_stage ON models (name, stage, number);
CREATE INDEX models_run ON models (run) WHERE run <> '';
