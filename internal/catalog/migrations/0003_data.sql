-- What happens to a data version after it was saved. {name} is text that compares by bytes.

-- tree: the bytes are a tree of the artifact repository, whose manifest has the digest; else they are the blobs of data_files.
ALTER TABLE data_versions ADD COLUMN tree BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE data_versions ADD COLUMN file_count BIGINT NOT NULL DEFAULT 0;
-- Deleted: hidden at once, kept until keep_until, given to garbage collection at collected_at.
ALTER TABLE data_versions ADD COLUMN deleted_at BIGINT;
ALTER TABLE data_versions ADD COLUMN keep_until BIGINT;
ALTER TABLE data_versions ADD COLUMN collected_at BIGINT;
-- Why the version must not be deleted; empty: it may be.
ALTER TABLE data_versions ADD COLUMN hold TEXT NOT NULL DEFAULT '';
UPDATE data_versions SET file_count = (SELECT COUNT(*) FROM data_files WHERE version_digest = digest);

CREATE INDEX data_versions_deleted ON data_versions (keep_until) WHERE deleted_at IS NOT NULL;
CREATE INDEX models_data ON models (data_digest);

-- A tag is one more name of a version, and can move.
CREATE TABLE data_tags (
    tag    {name} PRIMARY KEY,
    digest {name} NOT NULL REFERENCES data_versions (digest),
    rev    BIGINT NOT NULL,
    at     BIGINT NOT NULL
);
CREATE INDEX data_tags_digest ON data_tags (digest);
