"""A run and a study of a stranger, hostile in every string that a page shows."""

import json

import pandas as pd

from lab import store
from lab.store.study import StudyFolder
from tests.app.runs import write_run
from tests.app.studies import write_study
from tests.hostile import SENTENCES
from tests.lab.figures.test_ledger import rows

EVERYTHING = " ".join(SENTENCES)


def write_hostile_run(name: str, state: str = "failed") -> store.Run:
    """Sentences, wrong matches, words of the ledger, languages, device, corpus and message, all of them hostile."""
    run = write_run(name)
    table = run.sentences()
    meanings = len(SENTENCES)
    texts = [SENTENCES[at % meanings] for at in range(len(table))]
    run.write_sentences(table.assign(text=texts))
    wrong = [("ar", "en", text, text, text, 0.1 + 0.01 * at) for at, text in enumerate(SENTENCES)]
    run.write_errors(
        pd.DataFrame(wrong, columns=["source", "target", "query", "found", "expected", "margin"])
    )
    run.write_scores("retrieval", with_language(run.scores(), "<b>x</b>"))
    ledger = [row | {"words": EVERYTHING, "share": 0.5, "pairs": list(SENTENCES)} for row in rows()]
    run.write_document("information", {"step": 40, "rows": ledger})
    run.write_document("estimates", {"rows": [estimate(text) for text in SENTENCES]})
    raw = json.loads((run.folder / "run.json").read_text())
    raw |= {"languages": list(SENTENCES), "corpus": EVERYTHING, "device": EVERYTHING}
    (run.folder / "run.json").write_text(json.dumps(raw))
    run.write_status(state, 20, 40, EVERYTHING)
    run.log_path.write_text(EVERYTHING, encoding="utf-8", errors="backslashreplace")
    return run


def with_language(scores: pd.DataFrame, tag: str) -> pd.DataFrame:
    return scores[scores["task"] == "retrieval"].replace({"source": {"hi": tag}, "target": {"hi": tag}})


def estimate(text: str) -> dict:
    return {"layer": 1, "source": text, "target": "en", "method": text, "kind": text, "nats": 1.0, "low": 0.9,
            "high": 1.1, "words": text}  # fmt: skip


def write_hostile_study(name: str) -> StudyFolder:
    """Question, labels, device and titles, all of them hostile."""
    study = write_study(name)
    labels = dict(zip(("mmlm", "xlco", "mmlm-xlco"), (EVERYTHING, *SENTENCES[-2:]), strict=True))
    raw = json.loads((study.folder / "study.json").read_text())
    raw |= {"question": EVERYTHING, "device": EVERYTHING, "corpus": EVERYTHING, "missing": list(SENTENCES)}
    raw["versions"] = {"torch": EVERYTHING}
    for arm in raw["arms"]:
        arm["label"] = labels[arm["name"]]
    table, curves = study.table(), study.curves()
    study.write(
        study.info,
        study.units(),
        curves.assign(label=curves["arm"].map(labels), title=EVERYTHING),
        table.assign(label=table["arm"].map(labels), title=EVERYTHING),
    )
    (study.folder / "study.json").write_text(json.dumps(raw))
    return study
