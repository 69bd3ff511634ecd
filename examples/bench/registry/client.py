"""The load of bench-registry through the stock MLflow client; prints the seconds of each call as JSON."""

import json
import sys
import time

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric

settings = json.loads(sys.argv[1])
mlflow.set_tracking_uri(settings["uri"])
client = MlflowClient()
times = {"batch": [], "create": [], "search": []}


def timed(kind, count, call):
    began = time.perf_counter()
    out = call()
    if count:
        times[kind].append(time.perf_counter() - began)
    return out


tags = {"mlflow.user": "bench", "mlflow.source.type": "LOCAL"}
for i in range(settings["creates"] + 1):
    run = timed("create", i > 0, lambda: client.create_run("0", start_time=1_700_000_000_000, run_name="made", tags=tags))
for n in range(settings["batches"] + 1):
    metrics = [Metric(f"m{i % 10}", i / 7, 1_700_000_000_000 + n * 1000 + i, n * 100 + i // 10) for i in range(1000)]
    timed("batch", n > 0, lambda: client.log_batch(run.info.run_id, metrics=metrics))
for i in range(settings["rounds"] + 1):
    token = None
    for q in settings["queries"]:
        page = timed("search", i > 0, lambda: client.search_runs(
            ["1"], filter_string=q["filter"], order_by=q["order_by"] or None, max_results=settings["page"],
            page_token=token if q.get("next") else None))
        assert len(page), q
        token = page.token
print(json.dumps(times))
