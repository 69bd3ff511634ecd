-- MLflow's clients count on experiment 0.
INSERT INTO experiments (id, name, artifact_root, created_at, updated_at)
    SELECT 0, 'Default', 'mlflow-artifacts:/0', n.at, n.at FROM (SELECT CAST(extract(epoch FROM now()) AS BIGINT) * 1000 AS at) n;
