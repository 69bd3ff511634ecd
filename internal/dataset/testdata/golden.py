"""Writes golden.csv and golden.json: a table, and what pandas and NumPy say of it.

Run in a virtual environment with requirements.txt: python golden.py
"""

import json
import pathlib

import numpy as np
import pandas as pd

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(3)
n = 2000
table = pd.DataFrame(
    {
        "normal": rng.normal(1e6, 1e-3, n),
        "heavy": rng.standard_cauchy(n) * 1e3,
        "count": rng.integers(-50, 50, n),
        "gaps": np.where(rng.random(n) < 0.2, np.nan, rng.random(n)),
        "word": rng.choice(["red", "green", "blue", "Ünal", "x" * 30], n, p=[0.4, 0.3, 0.2, 0.05, 0.05]),
        "day": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, n), unit="D"),
    }
)
table.to_csv(here / "golden.csv", index=False, lineterminator="\n")
table = pd.read_csv(here / "golden.csv", parse_dates=["day"])

numbers = {}
for name in ["normal", "heavy", "count", "gaps"]:
    x = table[name].dropna().to_numpy(float)
    numbers[name] = {
        "n": len(x),
        "nulls": int(table[name].isna().sum()),
        "distinct": int(table[name].nunique()),
        "mean": float(np.mean(x)),
        "std": float(np.std(x, ddof=1)),
        "min": float(x.min()),
        "p25": float(np.quantile(x, 0.25)),
        "median": float(np.median(x)),
        "p75": float(np.quantile(x, 0.75)),
        "max": float(x.max()),
    }

heavy, gaps = table["heavy"], table["gaps"].dropna()
broken = {
    "heavy: values of at least -500": int((heavy < -500).sum()),
    "heavy: values below 700": int((heavy >= 700).sum()),
    "count: one of 1, 2, 3": int((~table["count"].isin([1, 2, 3])).sum()),
    "count: every value once": int(table["count"].duplicated().sum()),
    "count: increasing values": int((table["count"].diff() < 0).sum()),
    "gaps: a value in every row": int(table["gaps"].isna().sum()),
    "gaps: values of at most 0.9": int((gaps > 0.9).sum()),
    "word: values that match [a-z]+": int((~table["word"].str.fullmatch("[a-z]+")).sum()),
    "word: values of at most 4 characters": int((table["word"].str.len() > 4).sum()),
    "day: dates from 2024-06-01 on": int((table["day"] < "2024-06-01").sum()),
    ": word, day together once": int(table.duplicated(["word", "day"]).sum()),
    ": rows where count * 2 > gaps": int((table["count"] * 2 <= table["gaps"]).sum()),
}


def shares(a, b):
    """Proportions after adding half a value to each bin that either side fills."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    filled = (a + b) > 0
    a, b = a[filled], b[filled]
    return (a + 0.5) / (a.sum() + 0.5 * len(a)), (b + 0.5) / (b.sum() + 0.5 * len(b))


first, second = table.iloc[: n // 2], table.iloc[n // 2 :]
distances = {}
edges = np.unique(np.quantile(first["heavy"], np.arange(1, 10) / 10))
cut = lambda x: np.bincount(np.searchsorted(edges, x, side="right"), minlength=len(edges) + 1)
words = first["word"].value_counts().index
tally = lambda x: [int((x == w).sum()) for w in words] + [int((~x.isin(words)).sum())]
for name, a, b in [
    ("heavy", cut(first["heavy"].to_numpy()), cut(second["heavy"].to_numpy())),
    ("word", tally(first["word"]), tally(second["word"])),
]:
    p, q = shares(a, b)
    plain = np.abs(np.asarray(a) / np.sum(a) - np.asarray(b) / np.sum(b))
    distances[name] = {
        "psi": float(np.sum((p - q) * np.log(p / q))),
        "kl": float(np.sum(q * np.log(q / p))),
        "linf": float(plain.max()),
    }

golden = {"rows": n, "numbers": numbers, "broken": broken, "distances": distances}
(here / "golden.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
