-- Times are microseconds since 1970 UTC. {name} is text that compares by bytes, {bytes} a byte string.
-- JSON is TEXT in both databases: what is hashed must come back byte for byte.

-- The audit log. Insert-only (see the triggers); each row's hash covers the one before.
CREATE TABLE events (
    id        BIGINT PRIMARY KEY,
    key       {name} NOT NULL UNIQUE,
    at        BIGINT NOT NULL,
    actor     TEXT NOT NULL,
    action    {name} NOT NULL,
    subject   {name} NOT NULL,
    reason    TEXT NOT NULL,
    detail    TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL
);
CREATE INDEX events_subject ON events (subject, id);
CREATE INDEX events_action ON events (action, id);
CREATE INDEX events_at ON events (at);

-- The last event's id and hash. Its row lock puts all mutations in one order.
CREATE TABLE event_head (
    one  SMALLINT PRIMARY KEY CHECK (one = 1),
    id   BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO event_head (one, id, hash) VALUES (1, 0, '');

-- Attempts at releases, a projection of workflows. seq orders them: the id of the event that began each.
CREATE TABLE releases (
    model        {name} NOT NULL,
    version      {name} NOT NULL,
    run          {name} NOT NULL,
    seq          BIGINT NOT NULL UNIQUE,
    workflow_id  TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    candidate    TEXT NOT NULL,
    outcome      {name} NOT NULL,
    reason       TEXT NOT NULL,
    gates        TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    ended_at     BIGINT,
    PRIMARY KEY (model, version, run)
);
CREATE UNIQUE INDEX releases_active ON releases (model) WHERE ended_at IS NULL;

CREATE TABLE data_names (
    name         {name} PRIMARY KEY,
    last_version BIGINT NOT NULL
);
CREATE TABLE data_versions (
    digest      {name} PRIMARY KEY,
    name        {name} NOT NULL REFERENCES data_names (name),
    version     BIGINT NOT NULL,
    description TEXT NOT NULL,
    actor       TEXT NOT NULL,
    bytes       BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    UNIQUE (name, version)
);
CREATE TABLE data_files (
    version_digest {name} NOT NULL REFERENCES data_versions (digest),
    seq            BIGINT NOT NULL,
    path           TEXT NOT NULL,
    role           TEXT NOT NULL,
    digest         TEXT NOT NULL,
    size           BIGINT NOT NULL,
    PRIMARY KEY (version_digest, seq)
);
-- Lineage: which models and releases used a data version.
CREATE TABLE data_uses (
    digest  {name} NOT NULL REFERENCES data_versions (digest),
    model   {name} NOT NULL,
    release {name} NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (digest, model, release)
);

CREATE TABLE model_names (
    name        {name} PRIMARY KEY,
    last_number BIGINT NOT NULL
);
CREATE TABLE models (
    name        {name} NOT NULL REFERENCES model_names (name),
    version     {name} NOT NULL,
    number      BIGINT NOT NULL,
    id          {name} NOT NULL UNIQUE,
    digest      {name} NOT NULL,
    stage       {name} NOT NULL CHECK (stage IN ('staging', 'production', 'archived', 'rejected')),
    data_digest {name} REFERENCES data_versions (digest),
    release     TEXT NOT NULL,
    config      TEXT NOT NULL,
    metrics     TEXT NOT NULL,
    created_by  TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    rev         BIGINT NOT NULL,
    PRIMARY KEY (name, version),
    UNIQUE (name, number)
);
CREATE UNIQUE INDEX models_production ON models (name) WHERE stage = 'production';
CREATE TABLE model_evidence (
    name    {name} NOT NULL,
    version {name} NOT NULL,
    seq     BIGINT NOT NULL,
    suite   TEXT NOT NULL,
    passed  BOOLEAN NOT NULL,
    report  TEXT NOT NULL,
    page    TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (name, version, seq),
    FOREIGN KEY (name, version) REFERENCES models (name, version)
);
CREATE TABLE model_aliases (
    name    {name} NOT NULL,
    alias   {name} NOT NULL,
    version {name} NOT NULL,
    rev     BIGINT NOT NULL,
    PRIMARY KEY (name, alias),
    FOREIGN KEY (name, version) REFERENCES models (name, version)
);

-- Where requests go. One row per model; rev only grows.
CREATE TABLE routes (
    model           {name} PRIMARY KEY,
    stable          TEXT NOT NULL,
    stable_digest   TEXT NOT NULL,
    canary          TEXT NOT NULL,
    canary_digest   TEXT NOT NULL,
    canary_permille BIGINT NOT NULL CHECK (canary_permille BETWEEN 0 AND 1000),
    previous        TEXT NOT NULL,
    previous_digest TEXT NOT NULL,
    release         {name} NOT NULL,
    rev             BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    CHECK (canary <> '' OR (canary_permille = 0 AND release = ''))
);

-- What gateways report. Nothing refers to it: a gateway may be gone while its counts still matter.
CREATE TABLE gateways (
    id         {name} PRIMARY KEY,
    host       TEXT NOT NULL,
    http       TEXT NOT NULL,
    grpc       TEXT NOT NULL,
    started_at BIGINT,
    seen_at    BIGINT NOT NULL
);
CREATE TABLE instances (
    gateway    {name} NOT NULL REFERENCES gateways (id) ON DELETE CASCADE,
    model      {name} NOT NULL,
    version    {name} NOT NULL,
    digest     {name} NOT NULL,
    state      TEXT NOT NULL,
    device     TEXT NOT NULL,
    error      TEXT NOT NULL,
    updated_at BIGINT,
    PRIMARY KEY (gateway, model, version)
);
CREATE INDEX instances_digest ON instances (digest);
CREATE TABLE traffic (
    gateway   {name} NOT NULL,
    seq       BIGINT NOT NULL,
    model     {name} NOT NULL,
    version   {name} NOT NULL,
    route_rev BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    ok        BIGINT NOT NULL,
    errors    BIGINT NOT NULL,
    sketch    {bytes},
    PRIMARY KEY (gateway, seq, model, version, route_rev)
);
CREATE INDEX traffic_read ON traffic (model, version, route_rev);
CREATE INDEX traffic_at ON traffic (at);
-- Segments of the prediction log in the blob store.
CREATE TABLE segments (
    gateway   {name} NOT NULL,
    seq       BIGINT NOT NULL,
    model     {name} NOT NULL,
    version   {name} NOT NULL,
    from_at   BIGINT NOT NULL,
    to_at     BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    digest    TEXT NOT NULL,
    PRIMARY KEY (gateway, seq, model, version)
);
CREATE INDEX segments_read ON segments (model, version, to_at);
CREATE TABLE monitor_reports (
    seq     BIGINT PRIMARY KEY, -- the id of the event that added it
    model   {name} NOT NULL,
    version {name} NOT NULL,
    end_at  BIGINT NOT NULL,
    state   TEXT NOT NULL,
    summary TEXT NOT NULL,
    report  TEXT NOT NULL,
    page    TEXT NOT NULL,
    samples BIGINT NOT NULL
);
CREATE INDEX monitor_reports_read ON monitor_reports (model, end_at);
