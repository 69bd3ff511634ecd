"""Logs runs on one tracking server, or compares them with their copies on another, by the stock client.

Run as: python mirror.py log HERE NAME COUNT     logs COUNT runs in the experiment NAME
        python mirror.py compare HERE THERE      compares every run with its copy
"""

import math
import os
import sys
import tempfile

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType

TAG = "slipway.run"


def log(here, name, count):
    mlflow.set_tracking_uri(here)
    mlflow.set_experiment(name)
    client = MlflowClient(here)
    for n in range(count):
        with mlflow.start_run(run_name=f"{name} {n}") as run:
            metrics = [Metric("loss", math.exp(-i / 100) + n, 1_700_000_000_000 + i, i) for i in range(1200)]
            for i in range(0, len(metrics), 600):
                client.log_batch(run.info.run_id, metrics=metrics[i : i + 600])
            client.log_batch(run.info.run_id, params=[Param(f"p{i}", f"{i / 3}") for i in range(60)], tags=[RunTag(f"t{i}", "é" * i) for i in range(60)])
            mlflow.log_metric("odd", float("nan"))
            mlflow.log_input(mlflow.data.meta_dataset.MetaDataset(mlflow.data.http_dataset_source.HTTPDatasetSource("https://example.org/d.csv"), name="d"), context="training")
            mlflow.log_text("# Notes\n" * n, "notes.md")
            mlflow.log_dict({"n": n}, "deep/er/a file.json")


def pages(search):
    out, token = [], None
    while True:
        page = search(token)
        out += page
        token = page.token
        if not token:
            return out


def runs(client):
    ids = [e.experiment_id for e in pages(lambda token: client.search_experiments(view_type=ViewType.ALL, page_token=token))]
    return pages(lambda token: client.search_runs(ids, run_view_type=ViewType.ALL, page_token=token))


def files(client, run):
    out = {}
    if client.list_artifacts(run.info.run_id):
        with tempfile.TemporaryDirectory() as to:
            root = client.download_artifacts(run.info.run_id, "", to)
            for folder, _, names in os.walk(root):
                for name in names:
                    path = os.path.join(folder, name)
                    with open(path, "rb") as f:
                        out[os.path.relpath(path, root)] = f.read()
    return out


def shown(client, run):
    """All that a client sees of a run, but for ids and places."""
    i = run.info
    history = {}
    for key in run.data.metrics:
        points = client.get_metric_history(i.run_id, key)
        history[key] = sorted((repr(p.value), p.timestamp, p.step) for p in points)
    inputs = sorted(
        (d.dataset.name, d.dataset.digest, d.dataset.source_type, d.dataset.source, d.dataset.schema or "", d.dataset.profile or "", sorted((t.key, t.value) for t in d.tags))
        for d in run.inputs.dataset_inputs
    )
    return {
        "experiment": client.get_experiment(i.experiment_id).name,
        "info": (i.run_name, i.status, i.start_time, i.end_time, i.user_id, i.lifecycle_stage),
        "params": run.data.params,
        "tags": {k: v for k, v in run.data.tags.items() if k != TAG},
        "metrics": {k: repr(v) for k, v in run.data.metrics.items()},
        "history": history,
        "inputs": inputs,
        "files": files(client, run),
    }


def compare(here, there):
    ours, theirs = MlflowClient(here), MlflowClient(there)
    copies = {}
    for run in runs(theirs):
        origin = run.data.tags[TAG]
        assert origin not in copies, f"{origin} is there twice"
        copies[origin] = run
    originals = runs(ours)
    assert {r.info.run_id for r in originals} == set(copies), (len(originals), len(copies))
    for run in originals:
        want, got = shown(ours, run), shown(theirs, copies[run.info.run_id])
        for what in want:
            assert want[what] == got[what], f"{run.info.run_name}: {what}: {want[what]!r:.500} became {got[what]!r:.500}"
    print(f"{len(originals)} runs are the same, {sum('slipway.release' in r.data.tags for r in originals)} of a release")


if __name__ == "__main__":
    if sys.argv[1] == "log":
        log(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        compare(sys.argv[2], sys.argv[3])
