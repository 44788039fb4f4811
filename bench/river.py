"""River on one file: BagOfWords | model, predict then learn, row by row. Prints one JSON object.

    python3 bench/river.py FILE.jsonl MODEL PASSES      MODEL: MultinomialNB | ComplementNB
"""

import json
import math
import sys
import time

sys.path.pop(0)  # this folder: it holds this very file, which is no package

import river  # noqa: E402
from river import feature_extraction, naive_bayes  # noqa: E402


def run(rows, name):
    bag = feature_extraction.BagOfWords(lowercase=True)
    model = getattr(naive_bayes, name)()
    hits = 0
    loss = 0.0
    start, used = time.perf_counter(), time.process_time()
    for text, label in rows:
        x = bag.transform_one(text)
        # What predict_one does, with the probabilities kept.
        shares = model.predict_proba_one(x)
        hits += bool(shares) and max(shares, key=shares.get) == label
        loss -= math.log(max(1e-15, shares.get(label, 0.0)))
        model.learn_one(x, label)
    used = time.process_time() - used
    return len(rows) / (time.perf_counter() - start), hits, loss / len(rows), len(rows) / used


def main():
    path, name, passes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(path, encoding="utf-8") as file:
        parsed = [json.loads(line) for line in file]
    rows = [(row["text"], row["label"]) for row in parsed]
    results = [run(rows, name) for _ in range(passes)]
    print(
        json.dumps(
            {
                "river": river.__version__,
                "python": sys.version.split()[0],
                "recordsPerSecond": sorted(result[0] for result in results)[passes // 2],
                "recordsPerCpuSecond": sorted(result[3] for result in results)[passes // 2],
                "hits": results[0][1],
                "logLoss": results[0][2],
            }
        )
    )


if __name__ == "__main__":
    main()
