"""The stock tritonclient (HTTP, gRPC, asyncio), unchanged, against a gateway.

    python tritonclient_check.py HTTP_ADDRESS GRPC_ADDRESS TEST_CSV

Addresses are host:port; TEST_CSV holds rows of the credit-risk example. What the
clients answer is compared with POST /predict of the same gateway.
"""

import asyncio
import csv
import json
import sys
import urllib.request

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as grpc_aio
import tritonclient.http as http
import tritonclient.http.aio as http_aio
from tritonclient.utils import InferenceServerException

HTTP, GRPC, TABLE = sys.argv[1:4]
MODEL = "credit-risk"
TYPES = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "BYTES": np.object_}


def read(limit):
    with open(TABLE, newline="", encoding="utf-8") as f:
        return [row for row, _ in zip(csv.DictReader(f), range(limit))]


def expected(rows):
    """What POST /predict says of the rows: labels and probabilities."""
    features = [{k: number(v) for k, v in row.items() if k != "risk"} for row in rows]
    body = json.dumps({"model": MODEL, "input": features}).encode()
    request = urllib.request.Request(f"http://{HTTP}/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
    return np.array(answer["prediction"]), np.array(answer["probabilities"])


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def column(metadata, rows):
    """The rows as arrays by input, of the types and shapes that the metadata asks for."""
    for tensor in metadata["inputs"]:
        values = [row[tensor["name"]] for row in rows]
        kind = TYPES[tensor["datatype"]]
        values = np.array([v.encode() for v in values] if kind is np.object_ else [kind(v) for v in values], dtype=kind)
        yield tensor["name"], tensor["datatype"], values.reshape(len(rows), 1)


def inputs(client, metadata, rows, binary=None):
    out = []
    for i, (name, datatype, values) in enumerate(column(metadata, rows)):
        tensor = client.InferInput(name, values.shape, datatype)
        if binary is None:
            tensor.set_data_from_numpy(values)
        else:
            tensor.set_data_from_numpy(values, binary_data=binary(i))
        out.append(tensor)
    return out


def same(result, metadata, labels, scores):
    names = {t["name"]: t for t in metadata["outputs"]}
    found = [result.as_numpy(name) for name in names]
    label = next(a for a in found if a.dtype.kind in "iu")
    score = next(a for a in found if a.dtype.kind == "f")
    assert (label.reshape(-1) == labels).all(), (label, labels)
    np.testing.assert_allclose(score.reshape(scores.shape), scores, rtol=1e-6)


def refused(what, call, words, status=None):
    try:
        call()
    except InferenceServerException as e:
        assert words in e.message(), (what, e.message())
        assert status is None or status in str(e.status()), (what, e.status())
        return
    raise AssertionError(f"{what}: was not refused")


def check_http(rows, labels, scores):
    client = http.InferenceServerClient(HTTP)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL)
    assert not client.is_model_ready("nobody")
    assert client.get_server_metadata()["name"] == "slipway"
    metadata = client.get_model_metadata(MODEL)
    assert metadata["platform"] == "onnxruntime_onnx" and metadata["versions"] == ["1.0.0"], metadata
    assert client.get_model_config(MODEL)["max_batch_size"] == 32
    assert {m["name"] for m in client.get_model_repository_index()} >= {MODEL}
    # Binary, JSON, one input so and the next so; compressed either way; a version by name.
    for binary in (lambda i: True, lambda i: False, lambda i: i % 2 == 0):
        same(client.infer(MODEL, inputs(http, metadata, rows, binary)), metadata, labels, scores)
    for how in ("gzip", "deflate"):
        answer = client.infer(
            MODEL, inputs(http, metadata, rows), request_compression_algorithm=how, response_compression_algorithm=how, model_version="1.0.0", request_id="r-1"
        )
        same(answer, metadata, labels, scores)
        assert answer.get_response()["id"] == "r-1" and answer.get_response()["model_version"] == "1.0.0"
    # Outputs by name, some binary and some JSON; the best class of each row.
    wanted = [http.InferRequestedOutput(t["name"], binary_data=i == 0) for i, t in enumerate(metadata["outputs"])]
    same(client.infer(MODEL, inputs(http, metadata, rows), outputs=wanted), metadata, labels, scores)
    score = next(t["name"] for t in metadata["outputs"] if t["datatype"].startswith("FP"))
    best = client.infer(MODEL, inputs(http, metadata, rows), outputs=[http.InferRequestedOutput(score, class_count=1)]).as_numpy(score)
    assert [int(v.decode().split(":")[1]) for v in best.reshape(-1)] == list(scores.argmax(axis=1))
    refused("unknown model", lambda: client.infer("nobody", inputs(http, metadata, rows)), "Request for unknown model", "404")
    refused("unknown version", lambda: client.infer(MODEL, inputs(http, metadata, rows), model_version="9"), "unknown model", "404")
    refused("missing input", lambda: client.infer(MODEL, inputs(http, metadata, rows)[1:]), "is missing", "400")
    refused("timeout", lambda: client.infer(MODEL, inputs(http, metadata, rows), timeout=1), "timeout", "504")
    stats = client.get_inference_statistics(MODEL)["model_stats"]
    assert len(stats) == 1 and stats[0]["inference_stats"]["success"]["count"] >= 6, stats
    if client.get_model_config(MODEL)["response_cache"]["enable"]:  # the rows are those of POST /predict: they ran once
        assert stats[0]["inference_count"] == len(rows) and stats[0]["inference_stats"]["cache_hit"]["count"] >= 6, stats
    else:
        assert stats[0]["inference_count"] >= 6 * len(rows), stats
    many = [client.async_infer(MODEL, inputs(http, metadata, [row])) for row in rows]
    for i, call in enumerate(many):
        same(call.get_result(), metadata, labels[i : i + 1], scores[i : i + 1])
    client.close()
    return metadata


def check_grpc(metadata, rows, labels, scores):
    client = grpc.InferenceServerClient(GRPC)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL)
    assert client.get_server_metadata().name == "slipway"
    assert [t.name for t in client.get_model_metadata(MODEL).inputs] == [t["name"] for t in metadata["inputs"]]
    assert client.get_model_config(MODEL).config.max_batch_size == 32
    assert {m.name for m in client.get_model_repository_index().models} >= {MODEL}
    same(client.infer(MODEL, inputs(grpc, metadata, rows), request_id="g"), metadata, labels, scores)
    stats = client.get_inference_statistics(MODEL).model_stats[0]
    assert stats.execution_count > 0
    assert client.get_model_config(MODEL).config.response_cache.enable == (stats.inference_stats.cache_hit.count > 0)
    refused("unknown model", lambda: client.infer("nobody", inputs(grpc, metadata, rows)), "Request for unknown model", "NOT_FOUND")
    refused("missing input", lambda: client.infer(MODEL, inputs(grpc, metadata, rows)[1:]), "is missing", "INVALID_ARGUMENT")
    answers = []
    client.start_stream(lambda result, error: answers.append((result, error)))
    for i, row in enumerate(rows):
        client.async_stream_infer(MODEL, inputs(grpc, metadata, [row]), request_id=str(i))
    client.async_stream_infer("nobody", inputs(grpc, metadata, rows))
    client.stop_stream()
    assert len(answers) == len(rows) + 1 and "unknown model" in answers[-1][1].message(), answers
    for i, (result, error) in enumerate(answers[:-1]):
        assert error is None and result.get_response().id == str(i)
        same(result, metadata, labels[i : i + 1], scores[i : i + 1])
    client.close()


async def check_asyncio(metadata, rows, labels, scores):
    for module, address in ((http_aio, HTTP), (grpc_aio, GRPC)):
        client = module.InferenceServerClient(address)
        assert await client.is_server_live() and await client.is_model_ready(MODEL)
        plain = http if module is http_aio else grpc
        answers = await asyncio.gather(*(client.infer(MODEL, inputs(plain, metadata, [row])) for row in rows))
        for i, answer in enumerate(answers):
            same(answer, metadata, labels[i : i + 1], scores[i : i + 1])
        await client.close()


def main():
    rows = read(40)
    labels, scores = expected(rows)
    metadata = check_http(rows, labels, scores)
    check_grpc(metadata, rows, labels, scores)
    asyncio.run(check_asyncio(metadata, rows, labels, scores))
    print("all clients ok")


if __name__ == "__main__":
    main()
