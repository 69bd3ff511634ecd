ALTER TABLE models DROP CONSTRAINT models_stage_check;
ALTER TABLE models ADD CONSTRAINT models_stage_check CHECK (stage IN ('none', 'staging', 'production', 'archived', 'rejected'));
ALTER TABLE models ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN run TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN run_link TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN model_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN status TEXT NOT NULL DEFAULT 'READY';
ALTER TABLE models ADD COLUMN status_message TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN deleted_at BIGINT;

-- A registered model can be renamed: what belongs to its versions follows.
ALTER TABLE model_evidence DROP CONSTRAINT model_evidence_name_version_fkey;
ALTER TABLE model_evidence ADD FOREIGN KEY (name, version) REFERENCES models (name, version) ON UPDATE CASCADE;
ALTER TABLE model_aliases DROP CONSTRAINT model_aliases_name_version_fkey;
ALTER TABLE model_aliases ADD FOREIGN KEY (name, version) REFERENCES models (name, version) ON UPDATE CASCADE;
ALTER TABLE model_aliases ADD COLUMN protected BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE model_tags (
    name    TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    key     TEXT COLLATE "C" NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (name, version, key),
    FOREIGN KEY (name, version) REFERENCES models (name, version) ON UPDATE CASCADE
);
CREATE INDEX models_stage ON models (name, stage, number);
CREATE INDEX models_run ON models (run) WHERE run <> '';
