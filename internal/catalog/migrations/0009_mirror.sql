-- Runs that go to another tracking server as well. Only while there is a row of mirrors changes of runs are noted.
CREATE TABLE mirrors (
    name       {name} PRIMARY KEY,
    target     TEXT NOT NULL, -- the other server's address, without credentials
    started_at BIGINT NOT NULL
);

-- Each run that changed since. The other server has what the run was at revision done.
CREATE TABLE mirror_runs (
    run_id      BIGINT PRIMARY KEY,
    rev         BIGINT NOT NULL,  -- counts the changes
    done        BIGINT NOT NULL,
    turn        BIGINT NOT NULL,  -- counts the attempts: one is noted only by who took its turn
    unsure      BOOLEAN NOT NULL, -- an attempt began of which it is not known what arrived
    aside       BOOLEAN NOT NULL, -- given up until someone asks for another attempt
    attempts    BIGINT NOT NULL,  -- failed ones since the last that went well
    refused     BIGINT NOT NULL,  -- items that the other server did not take
    due_at      BIGINT NOT NULL,
    remote      TEXT NOT NULL,    -- the run's id there
    sent        TEXT NOT NULL,    -- JSON of package mirror: what is there
    last_error  TEXT NOT NULL,
    mirrored_at BIGINT
);
CREATE INDEX mirror_runs_due ON mirror_runs (due_at, run_id) WHERE done < rev AND NOT aside;
