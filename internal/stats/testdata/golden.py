"""Writes golden.json, the reference values of this package's tests.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install -r requirements.txt
    /tmp/golden/bin/python golden.py

Every expected value comes from SciPy, scikit-learn, statsmodels or NumPy
(mpmath where SciPy is not accurate enough), except PSI, which none of them has: it is written out below from its
definition, on numpy.quantile, numpy.searchsorted and scipy.stats.chi2.
"""

import json
import pathlib
import warnings

import numpy as np
from mpmath import binomial as mpbinomial, findroot, mp, mpf
from scipy import stats
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

warnings.simplefilter("ignore")
mp.dps = 40


def ks():
    rng = np.random.default_rng(1)
    pairs = {
        "one against one": ([1.0], [2.0]),
        "one value equal": ([1.0], [1.0]),
        "one against many": ([0.3], rng.random(37)),
        "equal samples": (np.arange(8.0), np.arange(8.0)),
        "constant, same": (np.ones(5), np.ones(9)),
        "constant, apart": (np.ones(50), np.zeros(60)),
        "ties": (rng.integers(0, 4, 40), rng.integers(0, 5, 33)),
        "equal sizes": (rng.normal(size=60), rng.normal(0.4, 1, 60)),
        "coprime sizes": (rng.normal(size=101), rng.normal(0.3, 1, 64)),
        "common divisor": (rng.normal(size=120), rng.normal(0, 2, 90)),
        "extreme tail, equal": (rng.normal(size=300), rng.normal(4, 1, 300)),
        "extreme tail, unequal": (rng.normal(size=300), rng.normal(3, 1, 200)),
        "infinities": ([-np.inf, 0, 1, np.inf], [-np.inf, -1, 0.5, 2, np.inf]),
        "thousands": (rng.normal(size=2000), rng.normal(0.05, 1, 1500)),
    }
    exact = []
    for name, (x, y) in pairs.items():
        x, y = np.asarray(x, float), np.asarray(y, float)
        r = stats.ks_2samp(x, y)
        exact.append({"name": name, "x": encode(x), "y": encode(y), "d": r.statistic, "p": r.pvalue})

    # Large samples are too big for a file: both sides build the same grids,
    # x_i = (i+0.5)/n and y_j = ((j+0.5)/m)**power.
    large = []
    for n, m, power in [
        (10000, 10000, 1.02), (10000, 9999, 1.05), (9000, 6000, 1.5), (9973, 7, 1.3),
        (10001, 1, 1.0), (10001, 3, 1.0), (10001, 3, 9.0), (12000, 100, 1.3), (12000, 90, 1.0), (20000, 40, 2.0),
        (10001, 10001, 1.0), (10001, 10007, 1.002), (10001, 9000, 1.05),
        (50000, 20000, 1.01), (100000, 20000, 1.02), (100000, 20000, 1.1),
        (300000, 200000, 1.001), (300000, 200000, 1.02),
    ]:
        x = (np.arange(n) + 0.5) / n
        y = ((np.arange(m) + 0.5) / m) ** power
        r = stats.ks_2samp(x, y)
        large.append({"n": n, "m": m, "power": power, "d": r.statistic, "p": r.pvalue})

    # The survival function over all of its regions.
    kstwo = []
    for n in [1, 2, 3, 10, 50, 140, 141, 500, 5000, 100000, 100001, 1000000]:
        for z in [0.2, 0.4, 0.55, 0.7, 0.86, 1.0, 1.2, 1.45, 1.52, 1.9, 2.2, 3, 5, 8, 12]:
            d = z / np.sqrt(n)
            if d < 1:
                kstwo.append({"n": n, "d": d, "p": stats.kstwo.sf(d, n)})
        for d in [0.3 / n, 0.5 / n, 0.8 / n, 1 / n, 1.5 / n, (n - 0.5) / n, 0.5, 0.7]:
            if d < 1:
                kstwo.append({"n": n, "d": d, "p": stats.kstwo.sf(d, n)})
    return {"pairs": exact, "grids": large, "kstwo": kstwo}


def stability(a, b):
    a, b = np.asarray(a), np.asarray(b)
    n, m = a.sum(), b.sum()
    keep = a + b > 0
    a, b = a[keep], b[keep]
    if len(a) < 2:
        return 0.0, 1.0
    p = (a + 0.5) / (n + 0.5 * len(a))
    q = (b + 0.5) / (m + 0.5 * len(b))
    value = np.sum((p - q) * np.log(p / q))
    return value, stats.chi2.sf(value / (1 / n + 1 / m), len(a) - 1)


def psi():
    rng = np.random.default_rng(2)
    nan = np.nan
    numeric = {
        "no drift": (rng.normal(size=500), rng.normal(size=300), 10),
        "shift": (rng.normal(size=500), rng.normal(0.5, 1.2, 300), 10),
        "disjoint": (rng.normal(size=400), rng.normal(50, 1, 400), 10),
        "ties": (rng.poisson(1.5, 300), rng.poisson(2, 200), 10),
        "zero-inflated": (rng.exponential(size=200) * (rng.random(200) < 0.3),
                          rng.normal(size=100) * (rng.random(100) < 0.5), 10),
        "constant, same": (np.full(20, 3.0), np.full(10, 3.0), 10),
        "constant, up": (np.full(20, 3.0), np.full(10, 4.0), 10),
        "constant, down": (np.full(20, 3.0), np.full(10, 2.0), 10),
        "one value each": ([1.0], [1.5], 10),
        "more bins than values": ([1.0, 2.0, 5.0], [0.0, 2.0, 3.0, 9.0], 10),
        "missing in both": (np.append(rng.normal(size=100), [nan] * 7), np.append(rng.normal(size=50), [nan] * 9), 5),
        "missing in current": (rng.normal(size=100), np.append(rng.normal(size=50), [nan] * 9), 5),
        "all missing in reference": ([nan] * 10, [1.0, 2.0, nan], 10),
        "infinities": (np.append(rng.normal(size=50), [np.inf] * 30), np.append(rng.normal(size=50), -np.inf), 10),
        "two bins": (rng.random(101), rng.random(77), 2),
    }
    out = []
    for name, (ref, cur, bins) in numeric.items():
        ref, cur = np.asarray(ref, float), np.asarray(cur, float)
        known, seen = ref[~np.isnan(ref)], cur[~np.isnan(cur)]
        edges = np.array([])
        if len(known):
            count = min(bins, len(known) + 1)
            edges = np.quantile(known, np.arange(1, count) / count)
            edges = np.unique(edges[np.isfinite(edges)])
            if len(edges) and edges[0] == known.min():
                edges = np.insert(edges, 0, np.nextafter(edges[0], -np.inf))
        a = np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1)
        b = np.bincount(np.searchsorted(edges, seen), minlength=len(edges) + 1)
        if len(known) < len(ref) or len(seen) < len(cur):
            a, b = np.append(a, len(ref) - len(known)), np.append(b, len(cur) - len(seen))
        value, p = stability(a, b)
        out.append({"name": name, "ref": encode(ref), "cur": encode(cur), "bins": bins,
                    "reference": a.tolist(), "current": b.tolist(), "psi": value, "p": p})

    letters = np.array(list("abcdefg"))
    pick = lambda k, n, s: letters[np.minimum(rng.geometric(s, n) - 1, k - 1)].tolist()
    categorical = {
        "no drift": (pick(5, 400, 0.4), pick(5, 200, 0.4)),
        "shift": (pick(5, 400, 0.4), pick(5, 200, 0.3)),
        "unseen": (pick(3, 100, 0.4), pick(7, 100, 0.3)),
        "vanished": (pick(6, 300, 0.4), pick(2, 100, 0.4)),
        "one category": (["a"] * 9, ["a"] * 4),
        "all unseen": (["a"] * 9, ["b", "c"]),
    }
    cats = []
    for name, (ref, cur) in categorical.items():
        known = sorted(set(ref))
        a = [ref.count(c) for c in known] + [0]
        b = [cur.count(c) for c in known] + [sum(c not in known for c in cur)]
        value, p = stability(a, b)
        cats.append({"name": name, "ref": ref, "cur": cur, "reference": a, "current": b, "psi": value, "p": p})
    return {"numeric": out, "categorical": cats}


def fisher():
    tables = [
        (0, 0, 0, 0), (0, 5, 0, 5), (5, 5, 5, 5), (0, 0, 3, 7), (3, 7, 0, 0), (1, 1, 0, 1), (3, 10, 1, 10),
        (8, 10, 2, 11), (2, 11, 8, 10), (10, 10, 0, 10), (0, 10, 10, 10), (7, 20, 7, 20),
        (30, 1000, 10, 1000), (10, 1000, 30, 1000), (500, 1000, 0, 1000), (850, 1000, 120, 1000),
        (60, 5000, 400, 95000), (1, 5000, 1, 95000), (12345, 100000, 12000, 100000), (5200, 1000000, 5000, 1000000),
    ]
    out = []
    for a, na, b, nb in tables:
        p = stats.fisher_exact([[a, na - a], [b, nb - b]], alternative="greater").pvalue
        out.append({"failA": a, "nA": na, "failB": b, "nB": nb, "p": p})
    return out


def rare(terms, n, level, guess):
    """The p at which the first terms of Binomial(n, p) sum to level, in 40 digits."""
    def excess(mean):
        p = mean / n
        return sum(mpbinomial(n, i) * p ** i * (1 - p) ** (n - i) for i in range(terms)) - level
    start = mpf(guess) * n
    return float(findroot(excess, (start, start * mpf("1.001"))) / n)


def binomial():
    out = []
    for k, n in [(0, 1), (1, 1), (0, 10), (10, 10), (1, 2), (3, 10), (1, 1000), (999, 1000), (50, 100),
                 (0, 1000000), (7, 1000000), (999993, 1000000), (31415, 100000), (500000, 1000000),
                 (3, 1000000000), (123456789, 1000000000)]:
        for alpha in [0.6, 0.05, 0.001, 1e-9]:
            r = {"k": k, "n": n, "alpha": alpha,
                 "lower": stats.beta.ppf(alpha, k, n - k + 1) if k else 0.0,
                 "upper": stats.beta.isf(alpha, k + 1, n - k) if k < n else 1.0}
            if 0 < k < 10 and n >= 10 ** 9:  # SciPy's inverse is only good to 1e-8 here
                r["lower"], r["upper"] = (rare(j, n, level, guess) for j, level, guess in
                                          [(k, 1 - mpf(alpha), r["lower"]), (k + 1, mpf(alpha), r["upper"])])
            r["wilsonLower"], r["wilsonUpper"] = map(float, proportion_confint(k, n, alpha, method="wilson"))
            # statsmodels leaves rounding noise around the exact ends
            r["wilsonLower"] = r["wilsonLower"] if k > 0 else 0.0
            r["wilsonUpper"] = r["wilsonUpper"] if k < n else 1.0
            out.append(r)
    return out


def ranks():
    out = []
    for n in [1, 2, 5, 10, 58, 59, 100, 1000, 100000]:
        for q in [0.01, 0.25, 0.5, 0.95, 0.99]:
            for alpha in [0.05, 0.012, 1e-6]:
                x = np.arange(n + 2)
                lo = int(np.max(x[stats.binom.cdf(x - 1, n, q) <= alpha]))
                hi = int(np.min(x[1:][stats.binom.sf(x[1:] - 1, n, q) <= alpha]))
                out.append({"n": n, "q": q, "alpha": alpha, "lo": min(lo, n), "hi": hi})
    return out


def mcnemars():
    out = []
    for b, c in [(0, 0), (1, 0), (0, 1), (1, 1), (5, 5), (10, 2), (2, 10), (121, 59), (1000, 900), (900, 1000),
                 (1000, 0), (500000, 498000)]:
        out.append({"b": b, "c": c, "p": float(mcnemar([[0, b], [c, 0]], exact=True).pvalue),
                    "greater": stats.binomtest(b, b + c, 0.5, alternative="greater").pvalue if b + c else 1.0})
    return out


def holm():
    rng = np.random.default_rng(3)
    sets = [[0.5], [0.0, 1.0], [0.01, 0.04, 0.03, 0.005], [0.02, 0.02, 0.02], [0.9, 0.8, 0.7],
            (rng.random(25) ** 3).tolist()]
    return [{"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()} for p in sets]


def quantiles():
    rng = np.random.default_rng(4)
    samples = [[4.0], [2.0, 1.0], [3.0, 3.0, 3.0], rng.normal(size=11).tolist(), rng.exponential(size=100).tolist(),
               [1e308, 1.5e308, 5.0], [1e-310, 3e-310, 2e-310]]
    out = []
    for x in samples:
        lo, q1, q2, q3, hi = np.quantile(x, [0, 0.25, 0.5, 0.75, 1])
        # numpy's own sums and squares would overflow or vanish
        scale = 2.0 ** -1000 if max(np.abs(x)) > 1e300 else 2.0 ** 1000 if max(np.abs(x)) < 1e-300 else 1.0
        scaled = np.asarray(x) * scale
        out.append({"x": x, "orders": [0, 0.1, 1 / 3, 0.5, 0.9, 0.999, 1],
                    "quantiles": np.quantile(x, [0, 0.1, 1 / 3, 0.5, 0.9, 0.999, 1]).tolist(),
                    "summary": {"n": len(x), "mean": np.mean(scaled) / scale, "min": lo, "p25": q1, "median": q2,
                                "p75": q3, "max": hi, "std": np.std(scaled, ddof=1) / scale if len(x) > 1 else 0.0}})
    return out


def classification():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 200)
    proba = np.clip(truth * 0.3 + rng.random(200) * 0.7, 0, 1)
    cases = {
        "ordinary": (truth, (proba > 0.5) * 1, proba),
        "ties": (truth, (proba > 0.5) * 1, np.round(proba, 1)),
        "certain and wrong": ([0, 1, 1], [1, 0, 1], [1.0, 0.0, 1.0]),
        "nothing predicted positive": ([0, 1, 1, 0], [0, 0, 0, 0], [0.1, 0.4, 0.3, 0.2]),
        "one class": ([1, 1, 1], [1, 0, 1], [0.9, 0.2, 0.8]),
        "no positives": ([0, 0], [0, 0], [0.0, 0.25]),
        "one row": ([1], [1], [0.75]),
        "constant score": ([0, 1, 0, 1], [1, 1, 1, 1], [0.5, 0.5, 0.5, 0.5]),
    }
    binary = []
    for name, (t, y, p) in cases.items():
        auc = metrics.roc_auc_score(t, p) if len(set(np.asarray(t).tolist())) == 2 else None
        binary.append({"name": name, "truth": np.asarray(t).tolist(), "pred": np.asarray(y).tolist(),
                       "proba": np.asarray(p).tolist(), "accuracy": metrics.accuracy_score(t, y),
                       "precision": metrics.precision_score(t, y, zero_division=0),
                       "recall": metrics.recall_score(t, y, zero_division=0),
                       "f1": metrics.f1_score(t, y, zero_division=0),
                       "logLoss": metrics.log_loss(t, y_proba=p, labels=[0, 1]), "auc": auc})

    t = rng.integers(0, 4, 120)
    p = rng.dirichlet(np.ones(4), 120) * 0.5 + np.eye(4)[t] * 0.5
    p[0] = np.eye(4)[(t[0] + 1) % 4]
    cases = {
        "four classes": (t, p.argmax(1), range(4), p),
        "class never true": ([0, 0, 1], [0, 2, 1], range(3), [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6], [0.1, 0.7, 0.2]]),
        "odd labels": ([-5, 7, 7, 9], [7, 7, 7, 9], [-5, 7, 9],
                       [[0.2, 0.6, 0.2], [0.1, 0.8, 0.1], [0, 1, 0], [0.25, 0.25, 0.5]]),
        "unpredicted class": ([0, 1, 2], [0, 1, 1], range(4), np.full((3, 4), 0.25)),
    }
    multi = []
    for name, (t, y, labels, p) in cases.items():
        multi.append({"name": name, "truth": np.asarray(t).tolist(), "pred": np.asarray(y).tolist(),
                      "classes": list(labels), "proba": np.asarray(p).tolist(),
                      "accuracy": metrics.accuracy_score(t, y),
                      "precision": metrics.precision_score(t, y, average="macro", zero_division=0),
                      "recall": metrics.recall_score(t, y, average="macro", zero_division=0),
                      "f1": metrics.f1_score(t, y, average="macro", zero_division=0),
                      "logLoss": metrics.log_loss(t, y_proba=np.asarray(p), labels=list(labels))})
    return {"binary": binary, "multiclass": multi}


def regression():
    rng = np.random.default_rng(6)
    t = rng.normal(10, 3, 80)
    cases = {"ordinary": (t, t + rng.normal(size=80)), "worse than the mean": ([1, 2, 3], [3, 2, 1]),
             "perfect": ([1, 2, 3], [1, 2, 3]), "constant truth": ([2] * 3, [2, 3, 2]),
             "constant and perfect": ([2] * 3, [2] * 3), "one row": ([1.0], [1.5])}
    out = []
    for name, (t, y) in cases.items():
        out.append({"name": name, "truth": list(map(float, t)), "pred": list(map(float, y)),
                    "mae": metrics.mean_absolute_error(t, y), "rmse": metrics.root_mean_squared_error(t, y),
                    "r2": metrics.r2_score(t, y) if len(t) > 1 else None})
    return out


def encode(values):
    """JSON has no NaN or infinity; they travel as strings."""
    return [v if np.isfinite(v) else str(v) for v in np.asarray(values, float).tolist()]


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


golden = {"ks": ks(), "psi": psi(), "fisher": fisher(), "binomial": binomial(), "ranks": ranks(),
          "mcnemar": mcnemars(), "holm": holm(), "quantile": quantiles(), "classification": classification(),
          "regression": regression()}
sections = ",\n".join(f"{json.dumps(k)}: {json.dumps(plain(v), allow_nan=False)}" for k, v in golden.items())
pathlib.Path(__file__).with_name("golden.json").write_text("{\n" + sections + "\n}\n")
