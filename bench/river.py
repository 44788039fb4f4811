"""River on one file: BagOfWords | model, predict then learn, row by row. Prints one JSON object.

    python3 bench/river.py FILE.jsonl MODEL PASSES      MODEL: MultinomialNB | ComplementNB
"""

import json
import sys
import time

sys.path.pop(0)  # this folder: it holds this very file, which is no package

import river  # noqa: E402
from river import feature_extraction, naive_bayes  # noqa: E402


def run(rows, name):
    bag = feature_extraction.BagOfWords(lowercase=True)
    model = getattr(naive_bayes, name)()
    hits = 0
    start = time.perf_counter()
    for text, label in rows:
        x = bag.transform_one(text)
        hits += model.predict_one(x) == label
        model.learn_one(x, label)
    return len(rows) / (time.perf_counter() - start), hits


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
                "recordsPerSecond": sorted(rate for rate, _ in results)[passes // 2],
                "hits": results[0][1],
            }
        )
    )


if __name__ == "__main__":
    main()
