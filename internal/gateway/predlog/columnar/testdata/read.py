"""Reads the golden files with other readers and compares every value with what writer_test.go means to write.

pip install pyarrow pandas polars duckdb numpy; python read.py
"""

import pathlib

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

LIST = [0, 1, -1.5, np.inf, -np.inf, 1e-310, np.finfo(float).max]


def noise(i):
    x = (i + 1) * 0x9E3779B97F4A7C15 % (1 << 64)
    return float(x >> 11) / (1 << 52) - 1


NUMBERS = {
    "noise": (False, noise),
    "noise as floats": (True, noise),
    "positive noise as floats": (True, lambda i: 1 + abs(noise(i))),
    "integers": (False, lambda i: float(i * 7919 % 100_003 - 50_000)),
    "large integers": (False, lambda i: float((1 << 40) + i * i)),
    "one": (True, lambda i: 0.1),
    "two": (False, lambda i: float(i % 2)),
    "shades": (True, lambda i: max(0, i * 37 % 512 - 256) / 255),
    "runs": (True, lambda i: float(i // 50 % 3)),
    "few": (False, lambda i: LIST[i % 7]),
}


def missing(i):
    return i % 5 == 3 or 100 < i < 140


def expected(rows):
    out = {"time": [1_700_000_000_000_000 + i * 7919 % rows for i in range(rows)]}
    for name, (floats, value) in NUMBERS.items():
        values = [value(i) for i in range(rows)]
        if floats:
            out[name] = [float(np.float32(v)) for v in values]
            continue
        out[name] = values
        out[name + ", some missing"] = [None if missing(i) else v for i, v in enumerate(values)]
        out[name + ", all missing"] = [None] * rows
        out[name + ", required"] = values
    for different in (0, 1, 2, 7, 200, 300):
        for apart in ("false", "true"):
            words = [None if different == 0 or missing(i) else i * 31 % different for i in range(rows)]
            out[f"texts {different} {apart}"] = [None if w is None else "word " * (w % 9) + str(w) for w in words]
    out["ids"] = [f"{i * 2654435761 % (1 << 32):08x}" for i in range(rows)]
    return out


def micros(values):
    return [int(np.datetime64(v.replace(tzinfo=None) if hasattr(v, "tzinfo") else v, "us").astype(int)) for v in values]


def by_column(relation):
    rows = relation.fetchall()
    return {name: [row[i] for row in rows] for i, name in enumerate(relation.columns)}


def blank(values):
    return [None if pd.isna(v) else v for v in values]


for rows in (1, 2, 7, 300):
    path = str(pathlib.Path(__file__).parent / f"sample-{rows}.parquet")
    want = expected(rows)
    frame = pd.read_parquet(path)
    tables = {
        "pyarrow": pq.read_table(path).to_pydict(),
        "pandas": {c: blank(frame[c]) for c in frame},
        "polars": pl.read_parquet(path).to_dict(as_series=False),
        "duckdb": by_column(duckdb.sql(f"select * replace (epoch_us(time) as time) from '{path}'")),
    }
    for reader, got in tables.items():
        if reader != "duckdb":
            got["time"] = micros(got["time"])
        assert list(got) == list(want), reader
        for name, values in want.items():
            assert got[name] == values, (reader, rows, name, [p for p in zip(got[name], values) if p[0] != p[1]][:3])
    print(rows, "rows:", ", ".join(tables), "read", len(want), "columns as they were meant")
    bounds = pq.ParquetFile(path).metadata.row_group(0).column(0).statistics
    assert bounds.has_min_max and bounds.null_count == 0
