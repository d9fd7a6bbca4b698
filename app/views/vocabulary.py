"""Vocabulary: what it costs each language, how a typed sentence is cut, and who would get more of it at which price."""

import pandas as pd
import streamlit as st

from app.charts import chart
from app.computing import compute_button
from app.links import keep_valid, linked_choice
from app.runs import readable_runs, run_or_stop
from app.sentences import cell, data_table, number, sentence_table
from app.tokenisation import pieces_html, token_text, tokenizer_of
from lab.evaluate.token_neighbours import nearest_tokens, token_embeddings
from lab.figures.languages import language_style
from lab.figures.sentences import markdown_text
from lab.figures.vocabulary import (
    allocation_bars,
    alp_curves,
    parity_lines,
    price_stops,
    sizes_at,
    stop_within,
)
from lab.store import ENDED

NEIGHBOURS = 12
# tokens that can be pressed, at most
PILLS = 60
STOPS = 120
EXAMPLE = "The cat sat on the mat. جلست القطة على السجادة. बिल्ली चटाई पर बैठी थी। แมวนั่งบนเสื่อ 猫坐在垫子上。"

st.title("Vocabulary", anchor=False)
run = run_or_stop("what its vocabulary costs each language")
tokenizer = tokenizer_of(run)
measured, allocation = run.document("vocabulary"), run.document("allocation")
key = run.name.replace("/", ".")

st.subheader("How a sentence is cut", anchor=False)
st.html("<style>textarea {unicode-bidi: plaintext}</style>")
text = st.text_area("A sentence in any language", EXAMPLE, height=90, key="text", bind="query-params")
others = [each for each in readable_runs()[0] if each.name != run.name and each.checkpoint() is not None]
beside = linked_choice(
    "Beside", [each.name for each in others], "beside", None, placeholder="the tokenizer of another run"
)
shown = [tokenizer, *(tokenizer_of(each) for each in others if each.name == beside)]
for each in shown:
    (ids,) = each.encode([text])
    st.markdown(f"**{markdown_text(each.name)}**: {len(ids):,} tokens, vocabulary {each.size:,}")
    st.html(pieces_html(each, text))
st.caption(
    "Each colour is a piece, in the order of the text; the vocabulary has no piece for what is orange, and a small "
    "number says into how many bytes a letter falls."
)

(ids,) = tokenizer.encode([text])
tokens = list(dict.fromkeys(tokenizer.backend.id_to_token(int(index)) or "" for index in ids))
if tokens:
    keep_valid("token", tokens)
    label = (
        f"Neighbours of a token, {PILLS} of {len(tokens)}" if len(tokens) > PILLS else "Neighbours of a token"
    )
    token = st.pills(
        label, tokens[:PILLS], key="token", bind="query-params",
        format_func=lambda token: markdown_text(token_text(token)),
    )  # fmt: skip
    if token:
        embeddings = run.read_checkpoint(token_embeddings)
        near = nearest_tokens(embeddings, tokenizer.backend.token_to_id(token), NEIGHBOURS)
        sentence_table(
            ["token", "inner product"],
            [
                (cell(token_text(tokenizer.backend.id_to_token(at) or "")), number(f"{value:.2f}"))
                for at, value in near
            ],
        )
        st.caption(
            "Tokens whose embeddings have the largest inner products with the chosen one's: those that k-NN target "
            "sampling would let a softmax run over. A long vector is near to everything."
        )

st.subheader("What it costs each language", anchor=False)
if measured:
    chart(
        parity_lines(measured["rows"], measured["reference"]),
        "parity",
        "Tokens and nats of each language over those of the reference",
        f"On {measured['meanings']:,} held-out meanings: tokens, and nats by the language's own frequencies of pieces, "
        f"over those of {language_style(measured['reference']).name}; with 95 % intervals. Right of 1 a language pays "
        "more for the same, and less of it fits into an input.",
    )
    with st.expander("Every number", icon=":material/table_rows:"):
        columns = ("language", "metric", "value", "low", "high", "unit", "n", "across_languages")
        data_table(pd.DataFrame(measured["rows"])[list(columns)], height=320)
        st.caption(
            "Only rows marked across_languages compare languages; all compare vocabularies on one language."
        )
elif run.status.state in ENDED:
    compute_button(
        f"vocabulary-{key}", ["vocabulary", run.name], "Measure the vocabulary", lambda: (0.0, "measuring")
    )

st.subheader("Who would get more", anchor=False)
if allocation:
    # documents of earlier versions hold the path of their own beta alone
    paths = allocation.get("paths") or {str(allocation.get("beta", "")): allocation["path"]}
    if not allocation["path"]:
        st.info("Every language has one vocabulary alone: its text is too small for others.")
        st.stop()
    choice, dial, room = st.columns([1, 3, 1])
    with choice:
        beta = linked_choice("Beta", list(paths), "beta", str(allocation.get("beta", next(iter(paths)))))
    path = paths[beta or next(iter(paths))]
    stops = price_stops(path, STOPS)
    wanted = st.query_params.get("price", "")
    at = (
        int(wanted)
        if wanted in map(str, stops)
        else stop_within(allocation, path, stops, allocation["pieces"])
    )
    sizes, union = sizes_at(allocation, path, at)
    st.session_state["price"], st.session_state["size"] = at, union

    def pay() -> None:
        st.query_params["price"] = str(st.session_state["price"])

    def fill() -> None:
        st.query_params["price"] = str(stop_within(allocation, path, stops, st.session_state["size"]))

    dial.select_slider("Price, from high to low (steps that are bought)", stops, key="price", on_change=pay)
    room.number_input(
        "Different pieces", allocation["smallest_pieces"], path[-1]["union"], key="size", on_change=fill
    )
    price = f"{path[at - 1]['price']:.2g} nats" if at else "above all gains"
    st.metric(f"price of a piece: weighted gain a {allocation['gain']}", price)
    chart(alp_curves(allocation, sizes), "curves", "ALP by size of the vocabulary, for each language")
    chart(allocation_bars(sizes, union), "bars", "Pieces that each language has bought")
    saved = sum(sizes.values()) - union
    st.caption(
        "Every language buys pieces while one brings more than the price (VoCap, Zheng et al. 2021). Gains are "
        "weighted with the language's share of the text to the power beta: with 0 all count alike. Now they have "
        f"{sum(sizes.values()):,} pieces, {union:,} different ones: {saved:,} are shared. Dotted: the concave "
        "hull that gains are read from. The heights of two languages do not compare: lines are not equally long."
    )
else:
    compute_button(
        f"allocation-{key}",
        ["vocabulary", "--allocate", "--run", run.name],
        "Compute the curves of its languages",
        lambda: (0.0, "training vocabularies"),
    )
