"""Space: where sentences lie, by layer and checkpoint, and what is near to what."""

import streamlit as st

from app.charts import chart
from app.links import choose, keep_valid, linked_choice
from app.projecting import umap_or_wait
from app.runs import principal_maps, run_or_stop, sentences_of
from app.sentences import cell, marked, neighbour_table, sentence_table
from app.words import percent
from lab.figures.maps import sentence_map
from lab.projection import half_width, neighbours

st.title("Space", anchor=False)
run = run_or_stop("a map of its sentences")
steps = run.snapshots()
if not steps:
    st.info(f"{run.name} has no snapshot of sentence vectors yet: it takes its first one before step 1.")
    st.stop()
layers = list(run.snapshot(steps[-1]))
anchor = run.info.settings.evaluation_layer_of(layers[-1])

controls = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
method = controls.segmented_control(
    "Method",
    ["pca", "umap"],
    default="pca",
    required=True,
    key="method",
    bind="query-params",
    format_func=str.upper,
)
dimensions = controls.segmented_control(
    "Dimensions", [2, 3], default=2, required=True, key="dimensions", bind="query-params"
)
colour = controls.segmented_control(
    "Colour",
    ["language", "meaning"],
    default="language",
    required=True,
    key="colour",
    bind="query-params",
)
lines = controls.toggle("Join translations", value=True, key="lines", bind="query-params")
left, right = st.columns(2, gap="large")
keep_valid("step", steps)
keep_valid("layer", layers)
step, layer = steps[-1], anchor
if len(steps) > 1:
    step = left.select_slider("Checkpoint (step)", steps, value=step, key="step", bind="query-params")
if len(layers) > 1:
    layer = right.select_slider(
        "Layer (0 = embeddings)", layers, value=layer, key="layer", bind="query-params"
    )
if method == "pca":
    frames = principal_maps(run, layer, anchor, dimensions)
else:
    frames = umap_or_wait(run, layer, dimensions, step)
vectors = run.snapshot(step)[layer]
frame = next(frame for frame in frames if frame.step == step)
sentences = sentences_of(run, frame)

names = [f"{tag}-{meaning}" for tag, meaning in zip(sentences["language"], sentences["meaning"], strict=True)]
labels = dict(zip(names, sentences["text"], strict=True))
clicked = st.session_state.get("map", {}).get("selection", {}).get("points", [])
if clicked and clicked != st.session_state.get("clicked"):
    choose("sentence", names[int(clicked[0]["customdata"][0])])
st.session_state["clicked"] = clicked

picture, table = st.columns([5, 4], gap="large")
with table:
    name = linked_choice(
        "Sentence: click a point of the flat map, or choose", names, "sentence", None,
        format_func=labels.__getitem__, placeholder="none chosen",
    )  # fmt: skip
    position = None if name is None else names.index(name)
    if position is None:
        st.caption("Its translations and its nearest neighbours will stand here.")
    else:
        translations = sentences[sentences["meaning"] == sentences["meaning"].iloc[position]]
        rows = [(marked(row.language), cell(row.text, row.language)) for row in translations.itertuples()]
        sentence_table(["language", "the same meaning"], rows)
        neighbour_table(neighbours(vectors, sentences, position), len(sentences))
        st.caption(
            f"✓ is a translation. Cosine of the vectors of layer {layer} at step {step:,}, from -1 to 1; no unit."
        )
with picture:
    figure = sentence_map(frame.points, sentences, half_width(frames), colour, lines, position)
    read = (
        "UMAP keeps neighbourhoods, not distances: read who is together, not how far apart groups are."
        if frame.share is None
        else f"Near means similar; the axes hold {percent(frame.share)} of the variance. All checkpoints and layers "
        "are turned onto one another and share one scale, so what moves has moved."
    )
    chart(
        figure,
        "map",
        "Map of sentences, those of one meaning joined",
        f"Each mark is one of {len(sentences):,} held-out sentences, grey lines join translations. {read}",
        on_select="rerun" if dimensions == 2 else "ignore",
        selection_mode="points",
        config={"displaylogo": False, "scrollZoom": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]},
    )
