-- What batch inference has computed. {name} is text that compares by bytes.

-- One shard of a plan: the file that holds its output, and its counts as JSON. It is
-- forgotten when the batch has ended, or a month after.
CREATE TABLE batch_parts (
    plan   {name} NOT NULL, -- digest
    shard  BIGINT NOT NULL, -- from 0
    digest {name} NOT NULL,
    size   BIGINT NOT NULL,
    counts TEXT NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (plan, shard)
);
CREATE INDEX batch_parts_at ON batch_parts (at);

-- The output of a plan: equal plans have equal outputs.
CREATE TABLE batch_results (
    plan   {name} PRIMARY KEY,
    digest {name} NOT NULL REFERENCES data_versions (digest),
    batch  {name} NOT NULL, -- key of the batch that made it
    counts TEXT NOT NULL,
    at     BIGINT NOT NULL
);
