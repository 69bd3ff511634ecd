"""Writes distance.json: reference values of the distances between distributions.

Run in a virtual environment with requirements.txt: python distance.py
"""

import json
import pathlib

import numpy as np
from scipy import stats
from scipy.spatial import distance
from scipy.stats import contingency

rng = np.random.default_rng(11)

counts = {
    "alike": ([100, 200, 300], [11, 19, 30]),
    "apart": ([10, 0, 5, 7], [0, 9, 5, 70]),
    "disjoint": ([4, 0], [0, 9]),
    "empty bin": ([4, 0, 8], [5, 0, 6]),
    "large": (rng.multinomial(10**9, [0.2, 0.3, 0.5]), rng.multinomial(10**8, [0.2, 0.3001, 0.4999])),
    "many bins": (rng.multinomial(3000, np.full(60, 1 / 60)), rng.multinomial(2000, np.full(60, 1 / 60))),
}
of_counts = {}
for name, (a, b) in counts.items():
    a, b = np.asarray(a), np.asarray(b)
    both = (a + b) > 0
    test = stats.chi2_contingency(np.vstack([a[both], b[both]]), correction=False)
    of_counts[name] = {
        "ref": a.tolist(),
        "cur": b.tolist(),
        "jsd": float(distance.jensenshannon(a / a.sum(), b / b.sum(), base=2) ** 2),
        "chi2": float(test.statistic),
        "df": int(test.dof),
        "p": float(test.pvalue),
        "entropy": float(stats.entropy(a)),
    }

tables = {
    "none": [[10, 20], [20, 40]],
    "phi": [[13, 4], [2, 9]],
    "full": [[7, 0, 0], [0, 8, 0], [0, 0, 9]],
    "oblong": rng.integers(0, 30, (4, 9)).tolist(),
}
associations = {k: {"counts": v, "v": float(contingency.association(np.asarray(v), method="cramer"))} for k, v in tables.items()}

pairs = {
    "normal": (rng.normal(size=700), rng.normal(0.1, 1.2, 512)),
    "ties": (rng.integers(0, 5, 40), rng.integers(1, 9, 33)),
    "one value": ([3.0], [-4.5]),
    "heavy": (rng.standard_cauchy(300), rng.standard_cauchy(300)),
    "offset": (1e9 + rng.random(100), 1e9 + rng.random(120) + 0.2),
}
wasserstein = {
    k: {"x": np.asarray(x, float).tolist(), "y": np.asarray(y, float).tolist(), "w": float(stats.wasserstein_distance(x, y))}
    for k, (x, y) in pairs.items()
}

laws = {
    "normal": ({"mean": 1.0, "std": 2.0}, stats.norm(1, 2)),
    "lognormal": ({"mu": 0.2, "sigma": 0.7}, stats.lognorm(0.7, scale=np.exp(0.2))),
    "uniform": ({"min": -1.0, "max": 3.0}, stats.uniform(-1, 4)),
    "exponential": ({"mean": 2.5}, stats.expon(scale=2.5)),
    "gamma": ({"shape": 2.0, "scale": 1.5}, stats.gamma(2, scale=1.5)),
    "beta": ({"alpha": 2.0, "beta": 5.0}, stats.beta(2, 5)),
}
fits = {}
for name, (parameters, law) in laws.items():
    x = law.rvs(400, random_state=5)
    for what, sample in [("as it is", x), ("moved", x * 1.1 + 0.01), ("few", x[:9])]:
        test = stats.ks_1samp(sample, law.cdf)
        fits[f"{name}, {what}"] = {
            "law": name, "parameters": parameters, "x": sample.tolist(), "d": float(test.statistic), "p": float(test.pvalue),
            "cdf": [float(v) for v in law.cdf(sample[:5])],
        }

golden = {"counts": of_counts, "associations": associations, "wasserstein": wasserstein, "fits": fits}
(pathlib.Path(__file__).parent / "distance.json").write_text(json.dumps(golden) + "\n")
