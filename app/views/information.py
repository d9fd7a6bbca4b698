"""Information: what each task shows to be there, what it could show, and what is there."""

import pandas as pd
import streamlit as st

from app.charts import chart
from app.computing import compute_button
from app.runs import run_or_stop, steps_of
from app.sentences import data_table
from app.words import nats, percent
from lab.figures.curves import bounds
from lab.figures.languages import language_style
from lab.figures.ledger import by_candidates, ledger, tightest
from lab.figures.sentences import markdown_text
from lab.figures.tasks import ADDED, MMLM_OWN, PER_SENTENCE, STYLES, recorded, styles_of
from lab.store import ENDED, Run

REFRESH_SECONDS = 2.0


def compute(run: Run, again: bool) -> None:
    """A button that computes the ledger, and how that stands."""
    compute_button(
        f"information-{run.name.replace('/', '.')}",
        ["information", run.name],
        "Compute the ledger again" if again else "Compute the ledger",
        lambda: (0.0, f"Computing the ledger of {markdown_text(run.name)}, about a minute for a toy run"),
        primary=not again,
    )


def live(run: Run, ended: bool) -> None:
    """The bounds of the training batches as they grow."""
    if (run.status.state in ENDED) != ended:
        st.rerun()
    steps = steps_of(run)
    if not recorded(steps.columns):
        st.info(f"{run.name} has not made a step yet.")
        return
    chart(
        bounds(steps),
        "growing",
        "Bound of each task by training step",
        "Ceiling minus loss on training batches in nats, a mean over recent steps with its 95 % interval: MMLM and TLM "
        "per masked token, XLCO per sentence pair. Dashed: the ceiling. No truth is drawn here: that of the ledger is "
        "of other masks and of text that nobody trained on; a model that memorises its training text can exceed it.",
    )


def reached(row: dict) -> str:
    """Share of what is attainable that a bound reaches; for other text, share of its ceiling."""
    if row["nats"] <= 0:
        return ""
    of_attainable, beyond = row.get("share_of_attainable"), row.get("share_beyond_language")
    if of_attainable is not None:
        words = f" It reaches {percent(of_attainable)} of what is attainable"
        return f"{words}, beyond the language {percent(beyond)}." if beyond is not None else f"{words}."
    if row["ceiling"]:
        return f" It reaches {percent(row['nats'] / row['ceiling'])} of its ceiling."
    return ""


def units(row: dict) -> str:
    """Words for the nats per sentence of a row that has another unit."""
    if row.get("units_per_sentence") in (None, 1.0):
        return ""
    return (
        f" With {row['units_per_sentence']:.2f} masked tokens in a sentence these are "
        f"{row['nats_per_sentence']:z.2f} {PER_SENTENCE}."
    )


st.title("Information", anchor=False)
st.markdown(
    "Every pretext task bounds the information in the text from below. A **bound** holds in expectation: what is there "
    "*at least*, with 95 % confidence, is a little less than the value that was measured. No bound can rise above its "
    "**ceiling**, however good the model. Of text from the built-in world the **truth** is known, and what the ideal "
    "reader or critic would show, which is **attainable**: so here you can see how much a task leaves unseen, and why."
)
run = run_or_stop("the ledger of its tasks")
document, estimates = run.document("information") or {}, run.document("estimates") or {}
rows = document.get("rows", [])
ended = run.status.state in ENDED

if not rows:
    st.info(
        f"{run.name} has no ledger yet. Compute it here when the run has ended, or with `lab information {run.name}`."
    )
    if ended:
        compute(run, again=False)
else:
    st.subheader(f"The ledger at step {document['step']:,}", anchor=False)
    per_sentence = all(row.get("unit") for row in rows) and st.toggle(
        "In nats per sentence", key="per-sentence", bind="query-params"
    )
    chart(
        ledger(rows, per_sentence),
        "ledger",
        "Bounds beside ceiling and truth, by task",
        "Coloured: the bound with its 95 % interval, hatched the part that the language alone tells; grey: the "
        "ceiling; blue: what is attainable, where that is not the truth; red: the truth. Read it so: a bar that stops "
        "short of its line has more to find; a blue line short of the red one says that so many candidates can never "
        "show all. MMLM and TLM count per masked token, XLCO per sentence pair: compare lengths per sentence only, "
        "where MMLM and TLM are the sum over the masked tokens of a sentence. A bound on tokens belongs to its text, "
        "tokenizer and mask rate together.",
    )
    if not all(row.get("unit") for row in rows):
        st.caption(
            "An older version computed this ledger: its words say *at least* of the bound itself, and it does not know "
            "what is attainable. Compute it again."
        )
    by_task = tightest(rows)
    for name, key, what in [
        *(
            (task.name, task.key, task.information)
            for task in styles_of([*STYLES, *by_task])
            if task.key not in (ADDED, MMLM_OWN)
        ),
        ("What the translation adds", ADDED, ""),
        ("MMLM of its own sentences", MMLM_OWN, "where languages come as MMLM draws them, not as pairs do"),
    ]:
        if key in by_task:
            row = by_task[key]
            st.markdown(
                f"**{markdown_text(name)}**{', ' if what else ''}{what}: {markdown_text(row['words'])}."
                f"{reached(row)}{units(row)}"
            )
    if all(row["truth"] is None for row in rows):
        st.caption(
            "This text was not written by the built-in world, so nobody knows its truth; the bounds hold all the same."
        )
    if any(row["candidates"] for row in rows):
        st.subheader("More candidates show more", anchor=False)
        chart(by_candidates(rows), "candidates", "Bound of XLCO by number of candidates, below its ceiling")
        pairs = max((row["pairs"] or [] for row in rows), key=len)
        st.caption(
            "XLCO finds the translation among so many candidates (logarithmic axis). To the left of the crossing "
            "the dashed ceiling log(candidates) hides the truth: even a perfect model cannot show it there. Blue: what "
            "the ideal critic shows, which knows the exact ratio of every pair of sentences; to reach the truth it "
            "needs more candidates than e to the largest information of a single pair, not to their mean. "
            "Open circles: scores as the run trains them; filled: divided by a temperature fitted on other pairs. "
            f"Any critic gives a valid bound, a better one a tighter. Mean over {markdown_text(', '.join(pairs))}; "
            "diamonds: one direction only, since so many candidates take long to encode."
        )
    if ended:
        compute(run, again=True)

st.subheader("While it trains" if not ended else "While it trained", anchor=False)
st.fragment(live, run_every=None if ended else REFRESH_SECONDS)(run, ended)

if estimates.get("rows"):
    st.subheader("Estimates on sentence vectors", anchor=False)
    table = pd.DataFrame(estimates["rows"])
    table["pair"] = [
        f"{language_style(row.source).name} – {language_style(row.target).name}" for row in table.itertuples()
    ]
    table["information"] = [nats(row.nats, row.low, row.high) for row in table.itertuples()]
    data_table(table[["layer", "pair", "method", "kind", "information", "words"]])
    st.caption(
        "Information between the vector of a sentence and that of its translation, by layer and pair of languages, "
        "with 95 % intervals. Vectors cannot carry more than their sentences. "
        f"Made by `lab information {run.name} --method auto`."
    )
