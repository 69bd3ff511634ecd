"""KServe's own Python client (REST and gRPC), unchanged, against a gateway.

    python kserve_check.py HTTP_ADDRESS GRPC_ADDRESS TEST_CSV

Addresses are host:port; TEST_CSV holds rows of the credit-risk example. What the
client is answered is compared with POST /predict of the same gateway.
"""

import asyncio
import csv
import json
import sys
import urllib.request

import grpc
import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

HTTP, GRPC, TABLE = sys.argv[1:4]
MODEL = "credit-risk"
TYPES = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64}


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def fetch(path, body=None):
    request = urllib.request.Request(f"http://{HTTP}{path}", body and json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def request(metadata, rows, binary):
    inputs = []
    for tensor in metadata["inputs"]:
        values = [row[tensor["name"]] for row in rows]
        item = InferInput(tensor["name"], [len(rows), 1], tensor["datatype"])
        if tensor["datatype"] == "BYTES":
            array = np.array([[v.encode() if binary else v] for v in values], dtype=np.object_)
        else:
            array = np.array([[v] for v in values], dtype=TYPES[tensor["datatype"]])
        item.set_data_from_numpy(array, binary_data=binary)
        inputs.append(item)
    return InferRequest(model_name=MODEL, infer_inputs=inputs, request_id="k-1")


def same(response, labels, scores):
    found = {o.name: o.as_numpy() for o in response.outputs}
    assert response.model_name == MODEL and response.id == "k-1", response
    label = next(a for a in found.values() if a.dtype.kind in "iu")
    score = next(a for a in found.values() if a.dtype.kind == "f")
    assert (label.reshape(-1) == labels).all(), (label, labels)
    np.testing.assert_allclose(score.reshape(scores.shape), scores, rtol=1e-6)


async def check_rest(metadata, rows, labels, scores):
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    base = f"http://{HTTP}"
    assert await client.is_server_live(base) and await client.is_server_ready(base)
    assert await client.is_model_ready(base, MODEL)
    for binary in (False, True):
        same(await client.infer(base, request(metadata, rows, binary), model_name=MODEL), labels, scores)
    answers = await asyncio.gather(*(client.infer(base, request(metadata, [row], True), model_name=MODEL) for row in rows))
    for i, answer in enumerate(answers):
        same(answer, labels[i : i + 1], scores[i : i + 1])
    try:
        await client.infer(base, request(metadata, rows, False), model_name="nobody")
    except httpx.HTTPStatusError as e:
        assert e.response.status_code == 404 and "unknown model" in e.response.json()["error"], e
    else:
        raise AssertionError("an unknown model was not refused")
    await client.close()


async def check_grpc(metadata, rows, labels, scores):
    client = InferenceGRPCClient(GRPC, retries=0)
    assert await client.is_server_live() and await client.is_server_ready() and await client.is_model_ready(MODEL)
    for binary in (False, True):
        same(await client.infer(request(metadata, rows, binary)), labels, scores)
    bad = request(metadata, rows, True)
    bad.model_name = "nobody"
    try:
        await client.infer(bad)
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.NOT_FOUND and "unknown model" in e.details(), e
    else:
        raise AssertionError("an unknown model was not refused")
    await client.close()


async def main():
    with open(TABLE, newline="", encoding="utf-8") as f:
        rows = [{k: number(v) for k, v in row.items() if k != "risk"} for row, _ in zip(csv.DictReader(f), range(20))]
    answer = fetch("/predict", {"model": MODEL, "input": rows})
    labels, scores = np.array(answer["prediction"]), np.array(answer["probabilities"])
    metadata = fetch(f"/v2/models/{MODEL}")
    await check_rest(metadata, rows, labels, scores)
    await check_grpc(metadata, rows, labels, scores)
    print("all clients ok")


if __name__ == "__main__":
    asyncio.run(main())
