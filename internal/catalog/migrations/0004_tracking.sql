-- Experiments and runs. Times here are milliseconds since 1970 UTC, as MLflow's clients give and compare them.
-- {serial} is a primary key that counts by itself; {clustered} keeps a table's rows in its primary key where the
-- database can.

CREATE TABLE tracking_counters (
    name {name} PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO tracking_counters (name, last) VALUES ('experiment', 0);

CREATE TABLE experiments (
    id            BIGINT PRIMARY KEY,
    name          {name} NOT NULL UNIQUE, -- a deleted one keeps its name
    artifact_root TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    deleted_at    BIGINT
);
CREATE TABLE experiment_tags (
    experiment_id BIGINT NOT NULL REFERENCES experiments (id),
    key           {name} NOT NULL,
    value         TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
) {clustered};

CREATE TABLE runs (
    id            {serial},
    uid           {name} NOT NULL UNIQUE, -- 32 hexadecimal digits: the run's id outside
    experiment_id BIGINT NOT NULL REFERENCES experiments (id),
    name          {name} NOT NULL,
    user_id       {name} NOT NULL,
    status        {name} NOT NULL CHECK (status IN ('RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED')),
    artifact_uri  {name} NOT NULL,
    started_at    BIGINT NOT NULL,
    ended_at      BIGINT,
    deleted_at    BIGINT
);
CREATE INDEX runs_page ON runs (experiment_id, started_at DESC, uid);

-- Names of metrics, params and tags. Rows are never changed or deleted: processes keep them.
CREATE TABLE tracking_keys (
    id   {serial},
    name {name} NOT NULL UNIQUE
);
-- What belongs to runs refers to runs and tracking_keys; foreign keys would cost two look-ups for each of millions of rows.
CREATE TABLE run_params (
    run_id BIGINT NOT NULL,
    key_id BIGINT NOT NULL,
    value  {name} NOT NULL,
    PRIMARY KEY (run_id, key_id)
) {clustered};
-- An index entry must be small: the beginning of the value.
CREATE INDEX run_params_value ON run_params (key_id, substr(value, 1, 100), run_id);
CREATE TABLE run_tags (
    run_id BIGINT NOT NULL,
    key_id BIGINT NOT NULL,
    value  {name} NOT NULL,
    PRIMARY KEY (run_id, key_id)
) {clustered};
CREATE INDEX run_tags_value ON run_tags (key_id, substr(value, 1, 100), run_id);
-- A point is its own key: what is sent again is there already. NaN is the value 0 with nan 1, as SQLite has no NaN.
CREATE TABLE run_metrics (
    run_id BIGINT NOT NULL,
    key_id BIGINT NOT NULL,
    step   BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    value  DOUBLE PRECISION NOT NULL,
    nan    SMALLINT NOT NULL,
    PRIMARY KEY (run_id, key_id, step, at, value, nan)
) {clustered};
-- The point of each metric with the highest step, then time, then value.
CREATE TABLE run_latest (
    run_id BIGINT NOT NULL,
    key_id BIGINT NOT NULL,
    step   BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    value  DOUBLE PRECISION NOT NULL,
    nan    SMALLINT NOT NULL,
    PRIMARY KEY (run_id, key_id)
) {clustered};
CREATE INDEX run_latest_value ON run_latest (key_id, nan, value, run_id);

-- Data sets as clients describe them; data_digest where it is a stored data version.
CREATE TABLE run_datasets (
    id            {serial},
    experiment_id BIGINT NOT NULL REFERENCES experiments (id),
    name          {name} NOT NULL,
    digest        {name} NOT NULL,
    source_type   TEXT NOT NULL,
    source        TEXT NOT NULL,
    schema        TEXT NOT NULL,
    profile       TEXT NOT NULL,
    data_digest   {name} REFERENCES data_versions (digest),
    UNIQUE (experiment_id, name, digest)
);
CREATE INDEX run_datasets_data ON run_datasets (data_digest) WHERE data_digest IS NOT NULL;
CREATE TABLE run_inputs (
    run_id     BIGINT NOT NULL,
    dataset_id BIGINT NOT NULL REFERENCES run_datasets (id),
    context    {name} NOT NULL, -- the tag mlflow.data.context
    tags       TEXT NOT NULL,   -- a JSON object, the context in it
    PRIMARY KEY (run_id, dataset_id)
) {clustered};
CREATE INDEX run_inputs_dataset ON run_inputs (dataset_id, run_id);

-- A model that a run made or took, before and beside the registry.
CREATE TABLE logged_models (
    id             {serial},
    uid            {name} NOT NULL UNIQUE, -- "m-" and 32 hexadecimal digits
    experiment_id  BIGINT NOT NULL REFERENCES experiments (id),
    name           {name} NOT NULL,
    model_type     {name} NOT NULL,
    source_run     {name} NOT NULL,
    status         {name} NOT NULL CHECK (status IN ('LOGGED_MODEL_PENDING', 'LOGGED_MODEL_READY', 'LOGGED_MODEL_UPLOAD_FAILED')),
    status_message TEXT NOT NULL,
    artifact_uri   {name} NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    deleted_at     BIGINT
);
CREATE INDEX logged_models_page ON logged_models (experiment_id, created_at DESC, uid);
CREATE TABLE logged_model_params (
    model_id BIGINT NOT NULL,
    key_id   BIGINT NOT NULL,
    value    {name} NOT NULL,
    PRIMARY KEY (model_id, key_id)
) {clustered};
CREATE TABLE logged_model_tags (
    model_id BIGINT NOT NULL,
    key_id   BIGINT NOT NULL,
    value    {name} NOT NULL,
    PRIMARY KEY (model_id, key_id)
) {clustered};
CREATE TABLE logged_model_metrics (
    model_id       BIGINT NOT NULL,
    key_id         BIGINT NOT NULL,
    dataset_name   {name} NOT NULL,
    dataset_digest {name} NOT NULL,
    run_id         BIGINT NOT NULL,
    step           BIGINT NOT NULL,
    at             BIGINT NOT NULL,
    value          DOUBLE PRECISION NOT NULL,
    nan            SMALLINT NOT NULL,
    PRIMARY KEY (model_id, key_id, dataset_name, dataset_digest, run_id)
) {clustered};
-- kind: 1 the run took the model, 2 it made it.
CREATE TABLE run_models (
    run_id   BIGINT NOT NULL,
    kind     SMALLINT NOT NULL,
    model_id BIGINT NOT NULL,
    step     BIGINT NOT NULL,
    PRIMARY KEY (run_id, kind, model_id)
) {clustered};
CREATE INDEX run_models_model ON run_models (model_id);

-- The files behind mlflow-artifacts: addresses. Bytes are in the artifact repository: tree is a root of its
-- collections, digest the content.
CREATE TABLE tracking_files (
    path   {name} PRIMARY KEY,
    tree   {name} NOT NULL,
    digest {name} NOT NULL,
    size   BIGINT NOT NULL,
    at     BIGINT NOT NULL
);
CREATE INDEX tracking_files_tree ON tracking_files (tree);
