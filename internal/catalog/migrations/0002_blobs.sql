-- Where each blob of the artifact repository lies. An index: it can be made anew from the packs.
CREATE TABLE blob_packs (
    id        {name} PRIMARY KEY,
    bytes     BIGINT NOT NULL,
    condemned BOOLEAN NOT NULL,
    saved_at  BIGINT NOT NULL
);
-- pack refers to blob_packs; a foreign key would cost a look-up for each of millions of rows.
CREATE TABLE blobs (
    sum        {bytes} PRIMARY KEY,
    kind       SMALLINT NOT NULL,
    encoding   SMALLINT NOT NULL,
    pack       {name} NOT NULL,
    off        BIGINT NOT NULL,
    stored     BIGINT NOT NULL,
    size       BIGINT NOT NULL,
    crc        BIGINT NOT NULL,
    touched_at BIGINT NOT NULL
);
CREATE INDEX blobs_pack ON blobs (pack, stored);
-- Uploads under way: what they count on is not collected before until_at.
CREATE TABLE blob_uploads (
    id       {name} PRIMARY KEY,
    begun_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL
);
