"""Try it: sentences in any language, what is nearest to them, and where they land."""

from html import escape

import streamlit as st

from app.charts import MAP, chart
from app.encoding import reader
from app.runs import run_or_stop
from app.sentences import neighbour_table
from app.words import percent
from lab.figures.maps import add_arrivals, sentence_map
from lab.figures.sentences import markdown_text
from lab.projection import half_width, nearest, principal

MOST = 20

st.title("Try it", anchor=False)
run = run_or_stop("sentences to compare yours with")
reading = reader(run)
shown = len(run.sentences())

examples = reading.sentences.drop_duplicates("language").sample(frac=1.0, random_state=4)["text"].head(2)
# each line of the box takes its own direction
st.html("<style>textarea {unicode-bidi: plaintext}</style>")
typed = st.text_area(
    "Sentences, one a line, in any language", "\n".join(examples), height=110, key="text", bind="query-params",
    help=f"At most {MOST} lines are read. A run knows the languages and the words it was trained on: "
    f"{markdown_text(' '.join(run.info.languages))}.",
)  # fmt: skip
texts = [line.strip() for line in typed.splitlines() if line.strip()][:MOST]
if not texts:
    st.info("Type a sentence, or paste some: what is nearest to it among the held-out sentences shows here.")
    st.stop()

vectors, unknown = reading.read(texts)
near, picture = st.columns([1, 1], gap="large")
with near:
    for number, (text, vector, missing) in enumerate(zip(texts, vectors, unknown, strict=True), start=1):
        st.html(f"<h3 style='font-size:1.05rem;margin:0'>{number}. <bdi dir='auto'>{escape(text)}</bdi></h3>")
        if missing > 0.2:
            st.warning(
                f"{percent(missing)} of its tokens are unknown to this run's tokenizer: its vector says little.",
                icon=":material/help:",
            )
        matches = nearest(reading.vectors, reading.sentences, vector, 5)
        neighbour_table(matches, len(reading.sentences))
with picture:
    base = principal(reading.vectors[:shown], 2)
    arrived = base.place(vectors)
    half = max(half_width([base]), 1.08 * float(abs(arrived).max()))
    figure = sentence_map(base.points, reading.sentences.iloc[:shown], half)
    add_arrivals(figure, arrived, texts)
    chart(
        figure,
        "landing",
        "Map of held-out sentences with your sentences on it",
        f"Stars are your sentences, by number, on the map of {shown:,} held-out sentences (principal components of "
        f"layer {reading.layer}, {percent(base.share or 0.0)} of the variance). A good encoder lands a sentence among "
        "its translations. Cosine runs from -1 to 1; one sentence, so no interval.",
        config=MAP,
    )
