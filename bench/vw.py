"""Vowpal Wabbit on one file: logistic regression on words and pairs of words, predict then learn. Prints one JSON object.

    python3 bench/vw.py FILE.jsonl PASSES CLASS CLASS [CLASS]

Two ways in: `api` parses and learns row by row through the Python API, `reader` has the engine read a file in its own format, as
its command line does. Making that format is outside both clocks. An answer is the one the engine gave before it learned the row.
"""

import json
import math
import os
import re
import sys
import tempfile
import time

sys.path.pop(0)  # this folder holds files named as packages are

import vowpalwabbit  # noqa: E402
from vowpalwabbit import PredictionType, Workspace  # noqa: E402

WORD = re.compile(r"\w+")
# As many cells as the model beside it has.
COMMON = "--quiet --ngram 2 -b 22 --loss_function logistic"


def options(classes):
    if len(classes) == 2:
        return f"{COMMON} --link logistic"
    return f"{COMMON} --oaa {len(classes)} --probabilities"


def to_line(text, label, classes):
    place = classes.index(label)
    name = (1 if place == 1 else -1) if len(classes) == 2 else place + 1
    return f"{name} |t {' '.join(WORD.findall(text.lower()))}"


def figures(rows, classes, answers):
    hits = 0
    loss = 0.0
    for (_, label), shares in zip(rows, answers):
        truth = classes.index(label)
        hits += max(range(len(classes)), key=shares.__getitem__) == truth
        loss -= math.log(max(1e-15, shares[truth]))
    return {"accuracy": hits / len(rows), "logLoss": loss / len(rows)}


def run_api(lines, classes):
    engine = Workspace(options(classes))
    kind = PredictionType.SCALAR if len(classes) == 2 else PredictionType.SCALARS
    answers = []
    start, used = time.perf_counter(), time.process_time()
    for line in lines:
        example = engine.parse(line)
        engine.learn(example)
        answers.append(example.get_prediction(kind))
        engine.finish_example(example)
    elapsed, used = time.perf_counter() - start, time.process_time() - used
    engine.finish()
    if len(classes) == 2:
        answers = [(1 - share, share) for share in answers]
    return len(lines) / elapsed, len(lines) / used, answers


def run_reader(lines, classes, folder):
    source = os.path.join(folder, "rows.vw")
    target = os.path.join(folder, "answers")
    with open(source, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    start, used = time.perf_counter(), time.process_time()
    engine = Workspace(f"{options(classes)} --data {source} -p {target} --no_stdin")
    engine.run_parser()
    engine.finish()
    elapsed, used = time.perf_counter() - start, time.process_time() - used
    with open(target, encoding="utf-8") as file:
        text = [line for line in file.read().split("\n") if line]
    if len(classes) == 2:
        answers = [(1 - float(line), float(line)) for line in text]
    else:
        answers = [[float(part.split(":")[1]) for part in line.split()] for line in text]
    assert len(answers) == len(lines)
    return len(lines) / elapsed, len(lines) / used, answers


def main():
    path, passes, classes = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    with open(path, encoding="utf-8") as file:
        parsed = [json.loads(line) for line in file]
    rows = [(row["text"], row["label"]) for row in parsed]
    lines = [to_line(text, label, classes) for text, label in rows]
    result = {"version": vowpalwabbit.__version__}
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "api": lambda: run_api(lines, classes),
            "reader": lambda: run_reader(lines, classes, folder),
        }
        for name, way in ways.items():
            runs = [way() for _ in range(passes)]
            result[name] = {
                "recordsPerSecond": sorted(run[0] for run in runs)[passes // 2],
                "recordsPerCpuSecond": sorted(run[1] for run in runs)[passes // 2],
                **figures(rows, classes, runs[0][2]),
            }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
