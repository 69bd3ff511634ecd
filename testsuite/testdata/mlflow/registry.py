"""Uses a model registry through the stock MLflow client, as its users do.

Run as: python registry.py URI RECEIVER, RECEIVER the URL of an HTTP server that takes webhooks. Each function is one
area; the first failure ends the script. The model "governed" is one that Slipway releases.
"""

import contextlib
import re
import sys
import tempfile

import mlflow
from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException


@contextlib.contextmanager
def refused(code, message=""):
    try:
        yield
    except MlflowException as e:
        assert e.error_code == code and re.search(message, e.message), (e.error_code, e.message)
    else:
        raise AssertionError(f"not refused with {code}")


def names(client):
    made = client.create_registered_model("shuttle", tags={"team": "rates", "n": 1}, description="first")
    assert made.name == "shuttle" and made.tags == {"team": "rates", "n": "1"} and made.description == "first"
    with refused("RESOURCE_ALREADY_EXISTS", "already exists"):
        client.create_registered_model("shuttle")
    with refused("INVALID_PARAMETER_VALUE", "cannot contain"):
        client.create_registered_model("a/b")
    with refused("INVALID_PARAMETER_VALUE"):
        client.create_registered_model("")
    with refused("RESOURCE_DOES_NOT_EXIST", "name=nowhere"):
        client.get_registered_model("nowhere")
    client.update_registered_model("shuttle", "second")
    client.set_registered_model_tag("shuttle", "stage.x", "y")
    client.delete_registered_model_tag("shuttle", "n")
    client.delete_registered_model_tag("shuttle", "was never there")
    client.rename_registered_model("shuttle", "carrier")
    renamed = client.get_registered_model("carrier")
    assert renamed.name == "carrier" and renamed.description == "second", renamed
    assert renamed.tags == {"team": "rates", "stage.x": "y"}
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_registered_model("shuttle")
    client.create_registered_model("shuttle")
    with refused("RESOURCE_ALREADY_EXISTS"):
        client.rename_registered_model("carrier", "shuttle")
    client.delete_registered_model("shuttle")
    client.delete_registered_model("carrier")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.delete_registered_model("carrier")


def versions(client):
    client.create_registered_model("v")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.create_model_version("nowhere", "s3://x")
    run = client.create_run(client.create_experiment("versions"))
    first = client.create_model_version("v", f"{run.info.artifact_uri}/m", run.info.run_id, tags={"k": 1}, run_link="http://r", description="one", await_creation_for=None)
    assert (first.version, first.current_stage, first.status, first.run_id) == ("1", "None", "READY", run.info.run_id), first
    assert first.tags == {"k": "1"} and first.run_link == "http://r" and first.description == "one"
    with refused("INVALID_PARAMETER_VALUE", "within the artifacts of the run"):
        client.create_model_version("v", "mlflow-artifacts:/1/other/artifacts/m", run.info.run_id)
    for bad in ["/etc/passwd", "file:///etc/passwd", "s3://a/../../b", "relative"]:
        with refused("INVALID_PARAMETER_VALUE", "source"):
            client.create_model_version("v", bad)
    for i in range(2, 6):
        assert client.create_model_version("v", f"s3://models/{i}").version == str(i)
    client.update_model_version("v", 2, "two")
    client.set_model_version_tag("v", "2", "a", "b")
    client.set_model_version_tag("v", "2", "c", "d")
    client.delete_model_version_tag("v", "2", "c")
    second = client.get_model_version("v", "2")
    assert second.description == "two" and second.tags == {"a": "b"}
    assert client.get_model_version_download_uri("v", "2") == "s3://models/2"
    with refused("RESOURCE_DOES_NOT_EXIST", r"name=v, version=99"):
        client.get_model_version("v", "99")
    with refused("INVALID_PARAMETER_VALUE"):
        client.get_model_version("v", "many")
    client.delete_model_version("v", "5")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_model_version("v", "5")
    assert client.create_model_version("v", "s3://models/6").version == "6", "a number is given once"
    assert [m.version for m in client.get_latest_versions("v")] == ["6"]
    copy = client.create_model_version("v", "models:/v/2")
    assert client.get_model_version_download_uri("v", copy.version) == "s3://models/2"


def stages(client):
    client.create_registered_model("staged")
    for i in range(4):
        client.create_model_version("staged", f"s3://models/{i}")
    move = client.transition_model_version_stage
    assert move("staged", 1, "staging").current_stage == "Staging"
    assert move("staged", 1, "Production").current_stage == "Production"
    with refused("RESOURCE_CONFLICT", "version 1 of model staged is in production"):
        move("staged", 2, "Production")
    assert move("staged", 2, "Production", archive_existing_versions=True).current_stage == "Production"
    assert client.get_model_version("staged", 1).current_stage == "Archived"
    move("staged", 3, "Staging")
    move("staged", 4, "Staging", archive_existing_versions=True)
    latest = {m.current_stage: m.version for m in client.get_latest_versions("staged", ["None", "Staging", "Production", "Archived"])}
    assert latest == {"Staging": "4", "Production": "2", "Archived": "3"}, latest
    with refused("INVALID_PARAMETER_VALUE", "Invalid Model Version stage"):
        move("staged", 1, "Shipped")
    move("staged", 2, "None")
    assert client.get_latest_versions("staged", ["Production"]) == []


def aliases(client):
    client.create_registered_model("aliased")
    for i in range(3):
        client.create_model_version("aliased", f"s3://models/{i}")
    client.set_registered_model_alias("aliased", "champion", "1")
    client.set_registered_model_alias("aliased", "champion", 2)
    client.set_registered_model_alias("aliased", "other", 2)
    assert client.get_model_version_by_alias("aliased", "champion").version == "2"
    assert sorted(client.get_model_version("aliased", 2).aliases) == ["champion", "other"]
    assert client.get_registered_model("aliased").aliases == {"champion": "2", "other": "2"}
    assert client.get_model_version_by_alias("aliased", "latest").version == "3"
    client.delete_registered_model_alias("aliased", "other")
    client.delete_registered_model_alias("aliased", "other")
    for bad in ["latest", "v1", "a b"]:
        with refused("INVALID_PARAMETER_VALUE"):
            client.set_registered_model_alias("aliased", bad, 1)
    with refused("INVALID_PARAMETER_VALUE", "not found"):
        client.get_model_version_by_alias("aliased", "nobody")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.set_registered_model_alias("aliased", "far", 99)
    # Production is one thing, by stage or by alias.
    client.set_registered_model_alias("aliased", "production", 3)
    assert client.get_model_version("aliased", 3).current_stage == "Production"
    client.delete_model_version("aliased", 2)
    assert client.get_registered_model("aliased").aliases == {"production": "3"}


def search(client):
    for i in range(7):
        name = f"search-{i}"
        client.create_registered_model(name, tags={"parity": "even" if i % 2 == 0 else "odd"})
        for j in range(2):
            client.create_model_version(name, f"s3://{name}", tags={"j": j})
    pages, token = [], None
    while True:
        page = client.search_registered_models("name LIKE 'search-%'", max_results=3, order_by=["name DESC"], page_token=token)
        pages.append([m.name for m in page])
        token = page.token
        if not token:
            break
    assert [len(p) for p in pages] == [3, 3, 1] and sum(pages, [])[0] == "search-6", pages
    found = client.search_registered_models("name ILIKE 'SEARCH-%' AND tags.parity = 'odd'")
    assert [m.name for m in found] == ["search-1", "search-3", "search-5"]
    assert found[0].latest_versions[0].version == "2"
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_registered_models("description = 'x'")
    versions = client.search_model_versions("name = 'search-3'", order_by=["version_number ASC"])
    assert [v.version for v in versions] == ["1", "2"]
    assert [v.name for v in client.search_model_versions("name IN ('search-1', 'search-2') AND tags.j = '0'", order_by=["name ASC"])] == ["search-1", "search-2"]
    assert len(client.search_model_versions("source_path LIKE 's3://search-%'", max_results=200)) == 14
    assert client.search_model_versions("run_id = 'none'") == []
    assert len(mlflow.search_registered_models(filter_string="tags.parity = 'even'")) == 4


def whole_life(client):
    """From training to serving by alias, as the documentation of MLflow does it."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    x, y = load_iris(return_X_y=True)
    fitted = LogisticRegression(max_iter=500).fit(x, y)
    mlflow.set_experiment("whole life")
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(fitted, name="iris", registered_model_name="iris", skops_trusted_types=None)
    first = client.get_model_version("iris", 1)
    assert first.run_id == run.info.run_id and first.source == f"models:/{info.model_id}", first
    second = mlflow.register_model(info.model_uri, "iris", tags={"again": "yes"})
    assert second.version == "2" and client.get_model_version("iris", 2).tags["again"] == "yes"
    client.set_registered_model_alias("iris", "champion", 2)
    for uri in ["models:/iris/1", "models:/iris@champion", "models:/iris/latest", f"models:/{info.model_id}"]:
        assert (mlflow.pyfunc.load_model(uri).predict(x) == fitted.predict(x)).all(), uri
    client.transition_model_version_stage("iris", 2, "Production")
    assert (mlflow.sklearn.load_model("models:/iris/Production").predict(x) == fitted.predict(x)).all()
    by_run = mlflow.register_model(f"runs:/{run.info.run_id}/iris", "iris")
    assert by_run.version == "3"
    with tempfile.TemporaryDirectory() as d:
        path = mlflow.artifacts.download_artifacts("models:/iris@champion", dst_path=d)
        assert mlflow.models.Model.load(path).model_id == info.model_id
    copied = client.copy_model_version("models:/iris/1", "iris-copy")
    assert (mlflow.pyfunc.load_model(f"models:/iris-copy/{copied.version}").predict(x) == fitted.predict(x)).all()


def governed(client):
    first = client.get_model_version("governed", 1)
    assert first.source.startswith("slipway:sha256:") and first.current_stage == "Staging", first
    with refused("PERMISSION_DENIED", "slipway release start"):
        client.transition_model_version_stage("governed", 1, "Production")
    with refused("PERMISSION_DENIED", "slipway release start"):
        client.set_registered_model_alias("governed", "production", 1)
    with refused("PERMISSION_DENIED"):
        client.delete_registered_model("governed")
    with refused("PERMISSION_DENIED", "protected"):
        client.set_registered_model_alias("governed", "golden", 2)
    client.set_registered_model_alias("governed", "mine", 2)


def webhooks(client):
    events = [WebhookEvent(WebhookEntity.MODEL_VERSION, WebhookAction.CREATED), WebhookEvent(WebhookEntity.MODEL_VERSION_ALIAS, WebhookAction.DELETED)]
    made = client.create_webhook("ci", sys.argv[2], events, description="d", secret="hush")
    assert made.status == WebhookStatus.ACTIVE and made.name == "ci" and made.description == "d" and not made.secret
    assert {(e.entity, e.action) for e in client.get_webhook(made.webhook_id).events} == {(e.entity, e.action) for e in events}
    assert [w.webhook_id for w in client.list_webhooks()] == [made.webhook_id]
    told = client.test_webhook(made.webhook_id)
    assert told.success and told.response_status == 200, told
    assert client.test_webhook(made.webhook_id, events[1]).success
    changed = client.update_webhook(made.webhook_id, name="ci-2", status=WebhookStatus.DISABLED, events=events[:1])
    assert changed.name == "ci-2" and changed.status == WebhookStatus.DISABLED and len(changed.events) == 1
    for url in ["http://10.1.2.3/x", "http://169.254.169.254/latest", "ftp://example.org"]:
        with refused("INVALID_PARAMETER_VALUE"):
            client.create_webhook("inside", url, events)
    client.delete_webhook(made.webhook_id)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_webhook(made.webhook_id)


def main():
    mlflow.set_tracking_uri(sys.argv[1])
    client = MlflowClient()
    areas = [names, versions, stages, aliases, search, whole_life, governed, webhooks]
    for area in areas:
        area(client)
        print("ok", area.__name__, flush=True)
    print("all areas ok")


main()
