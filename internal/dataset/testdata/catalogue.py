"""Writes catalogue.json: what SciPy and NumPy say of golden.csv, for the expectations that compute something.

Run in a virtual environment with requirements.txt, after golden.py: python catalogue.py
"""

import json
import pathlib

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial import distance
from scipy.stats import contingency

here = pathlib.Path(__file__).parent
table = pd.read_csv(here / "golden.csv")
half = len(table) // 2
first, second = table.iloc[:half], table.iloc[half:]

columns = {}
for name in ["normal", "heavy", "count", "gaps"]:
    x, ref = second[name].dropna().to_numpy(float), first[name].dropna().to_numpy(float)
    edges = np.unique(np.quantile(ref, np.arange(1, 10) / 10))
    cut = lambda v: np.bincount(np.searchsorted(edges, v, side="right"), minlength=len(edges) + 1)
    a, b = cut(ref), cut(x)
    test = stats.chi2_contingency(np.vstack([a, b]), correction=False)
    z = np.abs(x - x.mean()) / x.std(ddof=1)
    columns[name] = {
        "sum": float(np.sum(x)),
        "q90": float(np.quantile(x, 0.9)),
        "null_share": float(second[name].isna().mean()),
        "entropy": float(stats.entropy(pd.Series(x).value_counts().to_numpy())),
        "z2": int((z > 2).sum()),
        "jsd": float(distance.jensenshannon(a / a.sum(), b / b.sum(), base=2) ** 2),
        "chi2_p": float(test.pvalue),
        "ks_p": float(stats.ks_2samp(ref, x, method="exact").pvalue),
        "ks_d": float(stats.ks_2samp(ref, x, method="exact").statistic),
        "wasserstein": float(stats.wasserstein_distance(ref, x)),
        "normal_p": float(stats.ks_1samp(x, stats.norm(1e6, 1e-3).cdf).pvalue),
    }

words = second["word"]
known = first["word"].value_counts()
tally = lambda x: np.array([(x == w).sum() for w in known.index])
a, b = tally(first["word"]), tally(words)
word = {
    "entropy": float(stats.entropy(words.value_counts().to_numpy())),
    "jsd": float(distance.jensenshannon(a / a.sum(), b / b.sum(), base=2) ** 2),
    "chi2_p": float(stats.chi2_contingency(np.vstack([a, b]), correction=False).pvalue),
    "new_share": float((~words.isin(known.index)).mean()),
    "cramers_v": float(contingency.association(pd.crosstab(words, second["count"]).to_numpy(), method="cramer")),
}
first_day = second.groupby("day")["word"].transform("first")
conflict = second[second["word"] != first_day]["day"].unique()
word["depends"] = int(second["day"].isin(conflict).sum())

(here / "catalogue.json").write_text(json.dumps({"columns": columns, "word": word}, indent=1) + "\n")
