"""Uses a tracking server through the stock MLflow client, as its users do.

Run as: python tracking.py URI. Each function is one area; the first failure ends the script.
"""

import contextlib
import math
import os
import re
import sys
import tempfile

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException


@contextlib.contextmanager
def refused(code, message=""):
    try:
        yield
    except MlflowException as e:
        assert e.error_code == code and re.search(message, e.message), (e.error_code, e.message)
    else:
        raise AssertionError(f"not refused with {code}")


def experiments(client):
    name = "shuttle/experiment"
    eid = client.create_experiment(name, tags={"team": "rates"})
    found = client.get_experiment_by_name(name)
    assert found.experiment_id == eid and found.tags == {"team": "rates"}
    assert found.artifact_location.startswith("mlflow-artifacts:/")
    assert client.get_experiment("0").name == "Default"
    assert client.get_experiment_by_name("nowhere") is None
    with refused("RESOURCE_ALREADY_EXISTS", "exists already"):
        client.create_experiment(name)
    client.set_experiment_tag(eid, "stage", "1")
    client.rename_experiment(eid, "shuttle/renamed")
    assert client.get_experiment(eid).name == "shuttle/renamed"

    others = [client.create_experiment(f"page-{i}", tags={"paged": "yes"}) for i in range(7)]
    pages, token = [], None
    while True:
        page = client.search_experiments(filter_string="tags.paged = 'yes'", max_results=3, order_by=["name ASC"], page_token=token)
        pages.append([x.name for x in page])
        token = page.token
        if not token:
            break
    assert pages == [["page-0", "page-1", "page-2"], ["page-3", "page-4", "page-5"], ["page-6"]], pages
    client.delete_experiment(others[0])
    assert client.get_experiment(others[0]).lifecycle_stage == "deleted"
    with refused("INVALID_PARAMETER_VALUE", "active"):
        client.create_run(others[0])
    assert [x.name for x in client.search_experiments(view_type=ViewType.DELETED_ONLY)] == ["page-0"]
    client.restore_experiment(others[0])
    assert len(client.search_experiments(filter_string="name LIKE 'page-%'")) == 7
    assert len(client.search_experiments(filter_string="name ILIKE 'PAGE-%'")) == 7


def fluent(client):
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="parent", description="a note", tags={"kind": "outer"}) as parent:
        mlflow.log_params({"lr": 0.1, "depth": 3})
        mlflow.log_metric("loss", 1.5, step=0)
        mlflow.log_metrics({"loss": 0.5, "acc": 0.9}, step=1)
        mlflow.set_tags({"b": "2"})
        with mlflow.start_run(nested=True) as child:
            mlflow.log_metric("loss", float("nan"))
            mlflow.log_metric("up", float("inf"))
            mlflow.log_metric("down", float("-inf"))
    run = client.get_run(parent.info.run_id)
    assert run.info.run_name == "parent" and run.info.status == "FINISHED" and run.info.end_time
    assert run.data.params == {"lr": "0.1", "depth": "3"}
    assert run.data.metrics == {"loss": 0.5, "acc": 0.9}
    assert run.data.tags["kind"] == "outer" and run.data.tags["mlflow.note.content"] == "a note"
    assert run.data.tags["mlflow.runName"] == "parent"
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")] == [(0, 1.5), (1, 0.5)]
    inner = client.get_run(child.info.run_id)
    assert inner.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert math.isnan(inner.data.metrics["loss"])
    assert inner.data.metrics["up"] == math.inf and inner.data.metrics["down"] == -math.inf
    try:
        with mlflow.start_run() as failed:
            raise ValueError("as a script fails")
    except ValueError:
        pass
    assert client.get_run(failed.info.run_id).info.status == "FAILED"
    assert mlflow.last_active_run().info.run_id
    frame = mlflow.search_runs(experiment_names=["fluent"], filter_string="metrics.acc > 0.5")
    assert list(frame.run_id) == [parent.info.run_id] and frame["params.lr"][0] == "0.1"


def batches(client):
    eid = client.create_experiment("batches")
    rid = client.create_run(eid).info.run_id
    metrics = [Metric(f"m{i % 10}", float(i), 1000 + i, i) for i in range(1000)]
    client.log_batch(rid, metrics=metrics)
    client.log_batch(rid, metrics=metrics)  # again: nothing is there twice
    history = client.get_metric_history(rid, "m3")
    assert [m.step for m in history] == list(range(3, 1000, 10))
    assert client.get_run(rid).data.metrics["m3"] == 993.0
    client.log_batch(rid, params=[Param(f"p{i}", str(i)) for i in range(100)], tags=[RunTag(f"t{i}", "x") for i in range(100)])
    run = client.get_run(rid)
    assert len(run.data.params) == 100 and run.data.params["p7"] == "7"
    client.log_param(rid, "p7", 7)
    with refused("INVALID_PARAMETER_VALUE", "p7"):
        client.log_param(rid, "p7", 8)
    # The batch is one: nothing of one that fails is there.
    with refused("INVALID_PARAMETER_VALUE", "(?i)changing param values"):
        client.log_batch(rid, metrics=[Metric("late", 1.0, 1, 0)], params=[Param("p8", "other")])
    assert "late" not in client.get_run(rid).data.metrics
    client.set_tag(rid, "t0", "moved")
    client.delete_tag(rid, "t1")
    tags = client.get_run(rid).data.tags
    assert tags["t0"] == "moved" and "t1" not in tags
    client.set_tag(rid, "mlflow.runName", "named")
    assert client.get_run(rid).info.run_name == "named"
    client.update_run(rid, name="again")
    assert client.get_run(rid).data.tags["mlflow.runName"] == "again"
    client.set_terminated(rid, "KILLED")
    assert client.get_run(rid).info.status == "KILLED"
    client.delete_run(rid)
    assert client.get_run(rid).info.lifecycle_stage == "deleted"
    with refused("INVALID_PARAMETER_VALUE", "active"):
        client.log_metric(rid, "m", 1)
    client.restore_run(rid)
    client.log_metric(rid, "m", 1)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_run("0" * 32)


def search(client):
    eid = client.create_experiment("searched")
    runs = []
    for i in range(25):
        run = client.create_run(eid, start_time=1000 + i, run_name=f"run-{i:02d}", tags={"parity": "even" if i % 2 == 0 else "odd"})
        client.log_batch(run.info.run_id, metrics=[Metric("score", i / 10, 1, 0)] if i < 20 else [], params=[Param("group", f"g{i % 5}")])
        runs.append(run.info.run_id)

    def ids(**kw):
        return [runs.index(r.info.run_id) for r in client.search_runs([eid], **kw)]

    assert ids() == list(range(24, -1, -1))
    assert ids(filter_string="metrics.score >= 1.7") == [19, 18, 17]
    assert ids(filter_string="params.group = 'g3' and tags.parity = 'odd'") == [23, 13, 3]
    assert ids(filter_string="params.group LIKE 'g%' AND metrics.score < 0.2") == [1, 0]
    assert ids(filter_string="attributes.run_name IN ('run-01', 'run-04')") == [4, 1]
    assert ids(filter_string="run_name ILIKE 'RUN-2%'") == [24, 23, 22, 21, 20]
    assert ids(filter_string="attributes.start_time < 1002") == [1, 0]
    assert ids(filter_string="tags.`parity` != 'odd' and attributes.status = 'RUNNING'", max_results=2) == [24, 22]
    assert ids(order_by=["metrics.score DESC"], max_results=3) == [19, 18, 17]
    assert ids(order_by=["metrics.score ASC"])[-5:] == [24, 23, 22, 21, 20]
    assert ids(order_by=["params.group ASC", "start_time ASC"])[:6] == [0, 5, 10, 15, 20, 1]
    seen, token = [], None
    while True:
        page = client.search_runs([eid], order_by=["metrics.score DESC"], max_results=4, page_token=token)
        seen += [runs.index(r.info.run_id) for r in page]
        token = page.token
        if not token:
            break
    assert seen == list(range(19, -1, -1)) + [24, 23, 22, 21, 20], seen
    for bad in ["metrics.score = 'x'", "params.group = 3", "nonsense.x = 1", "metrics.score >", "attributes.unknown = 'x'"]:
        with refused("INVALID_PARAMETER_VALUE"):
            client.search_runs([eid], filter_string=bad)


def details(client):
    """What MLflow's own REST tests look at besides."""
    eid = client.create_experiment("details")
    run = client.create_run(eid)
    rid = run.info.run_id
    assert run.info.user_id == "unknown"
    assert client.create_run(eid, tags={"mlflow.user": "me"}).info.user_id == "me"
    client.log_param(rid, "empty", "")
    client.set_tag(rid, "empty", "")
    client.log_batch(rid, params=[Param("none", "")], tags=[RunTag("none", "")])
    data = client.get_run(rid).data
    assert data.params == {"empty": "", "none": ""} and data.tags["empty"] == data.tags["none"] == ""
    client.set_experiment_tag(eid, "several lines", "a\nb\n\u00e9")
    client.set_experiment_tag(eid, "empty", "")
    assert client.get_experiment(eid).tags == {"several lines": "a\nb\n\u00e9", "empty": ""}
    client.log_metric(rid, "stepless", 1.5, timestamp=321)
    point = client.get_metric_history(rid, "stepless")[0]
    assert (point.value, point.timestamp, point.step) == (1.5, 321, 0)
    assert client.get_metric_history(rid, "never logged") == []
    with refused("RESOURCE_DOES_NOT_EXIST", "Run .+ not found"):
        client.delete_tag("nobody", "t")
    with refused("INVALID_PARAMETER_VALUE", "Invalid value 123456789 for parameter 'max_results' supplied"):
        client.search_runs([eid], max_results=123456789)

    # Runs that began at once come in the order of their ids.
    eid = client.create_experiment("at once")
    ids = sorted(client.create_run(eid, start_time=1).info.run_id for _ in range(10))
    seen, token = [], None
    for _ in range(3):
        page = client.search_runs([eid], max_results=4, page_token=token)
        seen, token = seen + [r.info.run_id for r in page], page.token
    assert seen == ids and token is None

    # Names by their bytes, conditions on tags only where there is the tag.
    for name, tags in [("o/a", {"o": "value"}), ("o/ab", {"o": "vaLue"}), ("o/Abc", None)]:
        client.create_experiment(name, tags=tags)

    def names(**kw):
        return [x.name for x in client.search_experiments(**kw)]

    assert names(filter_string="attribute.name = 'o/a'") == ["o/a"]
    assert names(filter_string="name LIKE 'o/%'", order_by=["name DESC"]) == ["o/ab", "o/a", "o/Abc"]
    assert names(filter_string="tag.o != 'value'") == ["o/ab"]
    assert sorted(names(filter_string="tag.o ILIKE '%alu%'")) == ["o/a", "o/ab"]


def datasets(client):
    eid = client.create_experiment("datasets")
    rid = client.create_run(eid).info.run_id
    client.log_inputs(rid, [DatasetInput(Dataset("train", "abc", "local", '{"uri": "x.csv"}', schema="{}"), [InputTag("mlflow.data.context", "training")])])
    run = client.get_run(rid)
    one = run.inputs.dataset_inputs[0]
    assert (one.dataset.name, one.dataset.digest, one.tags[0].value) == ("train", "abc", "training")
    assert [r.info.run_id for r in client.search_runs([eid], "datasets.name = 'train' AND dataset.context = 'training'")] == [rid]
    import pandas

    mlflow.set_experiment("datasets")
    with mlflow.start_run() as run:
        mlflow.log_input(mlflow.data.from_pandas(pandas.DataFrame({"a": [1, 2]}), source="here.csv", name="frame"), context="test")
    assert client.get_run(run.info.run_id).inputs.dataset_inputs[0].dataset.name == "frame"


def artifacts(client):
    mlflow.set_experiment("artifacts")
    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as d:
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": [1, 2]}, "notes/a.json")
        os.makedirs(f"{d}/folder/deep")
        with open(f"{d}/folder/deep/x.bin", "wb") as f:
            f.write(os.urandom(3 << 20))
        with open(f"{d}/folder/empty", "w"):
            pass
        mlflow.log_artifacts(f"{d}/folder", "stored folder")
        mlflow.log_artifact(f"{d}/folder/deep/x.bin")
        rid = run.info.run_id
        assert [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(rid)] == [
            ("notes", True, None), ("stored folder", True, None), ("x.bin", False, 3 << 20)]
        assert [f.path for f in client.list_artifacts(rid, "notes")] == ["notes/a.json", "notes/hello.txt"]
        assert client.list_artifacts(rid, "nothing") == []
        back = client.download_artifacts(rid, "stored folder", d)
        with open(f"{back}/deep/x.bin", "rb") as a, open(f"{d}/folder/deep/x.bin", "rb") as b:
            assert a.read() == b.read()
        assert os.path.getsize(f"{back}/empty") == 0
        assert mlflow.artifacts.load_text(f"runs:/{rid}/notes/hello.txt") == "hello"
        assert mlflow.artifacts.load_dict(f"runs:/{rid}/notes/a.json") == {"a": [1, 2]}
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        get_artifact_repository(run.info.artifact_uri).delete_artifacts("notes")
        assert [f.path for f in client.list_artifacts(rid)] == ["stored folder", "x.bin"]


def models(client):
    import numpy
    import onnx
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    x, y = load_iris(return_X_y=True)
    fitted = LogisticRegression(max_iter=500).fit(x, y)
    mlflow.set_experiment("models")
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(fitted, name="iris", input_example=x[:2], params={"max_iter": 500}, skops_trusted_types=None)
        mlflow.log_metric("accuracy", fitted.score(x, y), model_id=logged.model_id)
    assert (mlflow.pyfunc.load_model(logged.model_uri).predict(x) == fitted.predict(x)).all()
    assert (mlflow.sklearn.load_model(f"models:/{logged.model_id}").predict(x) == fitted.predict(x)).all()
    model = client.get_logged_model(logged.model_id)
    assert model.status == "READY" and model.source_run_id == run.info.run_id
    assert model.params["max_iter"] == "500" and model.metrics[0].key == "accuracy"
    assert client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == logged.model_id
    found = client.search_logged_models([run.info.experiment_id], filter_string="metrics.accuracy > 0.5 AND name = 'iris'")
    assert [m.model_id for m in found] == [logged.model_id]
    client.set_logged_model_tags(logged.model_id, {"k": "v"})
    client.delete_logged_model_tag(logged.model_id, "k")

    node = onnx.helper.make_node("Add", ["x", "x"], ["y"])
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([node], "g", [value("x", 1, [None, 2])], [value("y", 1, [None, 2])])
    double = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    with mlflow.start_run():
        info = mlflow.onnx.log_model(double, name="double")
    out = mlflow.pyfunc.load_model(info.model_uri).predict(numpy.ones((3, 2), numpy.float32))
    assert numpy.allclose(out["y"], 2)
    client.delete_logged_model(info.model_id)
    assert info.model_id not in [m.model_id for m in client.search_logged_models([run.info.experiment_id])]


def main():
    mlflow.set_tracking_uri(sys.argv[1])
    client = MlflowClient()
    areas = [experiments, fluent, batches, search, details, datasets, artifacts, models]
    for area in areas:
        area(client)
        print("ok", area.__name__, flush=True)
    print("all areas ok")


main()
