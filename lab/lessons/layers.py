"""Lesson 05: retrieval and information by layer, and which layers the contrast trains at all."""

import pandas as pd

from lab.evaluate.hidden_states import COSINE, TRAINED
from lab.lessons.exercises import Choice, Numbers, Subset, tied_for_best


def information_in_words(without: pd.DataFrame, aligned: pd.DataFrame, layer: int) -> list[str]:
    """Bounds by both critics in one layer of a model without contrast and of a model with it, in words.

    Args:
        without, aligned: tables of `information_by_layer`.
        layer: hidden state.
    """
    sentences = [f"Layer {layer}, ceiling {without['ceiling'].max():.2f} nats."]
    for name, table in (("Without contrast", without), ("With it", aligned)):
        value = table[table["layer"] == layer].set_index("name")["value"]
        more = float(value[TRAINED] - value[COSINE])
        sentences[0] += (
            f" **{name}** the bound by the cosine is {value[COSINE]:z.2f} nats, by the trained critic "
            f"{value[TRAINED]:z.2f}: "
            + (f"{more:.2f} more, there but not aligned." if more > 0 else "no more than the cosine.")
        )
    return sentences


def rotation_in_words(table: pd.DataFrame) -> list[str]:
    """Effect of a rotation on retrieval and on both critics, in words; `table` is that of `rotated`."""
    before, after = table.iloc[0], table.iloc[1]
    return [
        f"Retrieval goes from {before['retrieval']:.1%} to {after['retrieval']:.1%}, the cosine's bound from "
        f"{before[COSINE]:.2f} to {after[COSINE]:.2f} nats, the trained critic's from {before[TRAINED]:.2f} to "
        f"{after[TRAINED]:.2f}."
    ]


def untrained_layers(gradients: pd.Series) -> Subset:
    """Exercise: which layers does the contrast not train?"""
    norms = {int(name.removeprefix("layer ")): norm for name, norm in gradients.drop("embeddings").items()}
    return Subset("layers.untrained", {layer for layer, norm in norms.items() if norm == 0.0}, norms)


def best_layer(table: pd.DataFrame, name: str) -> Choice:
    """Exercise: in which layer is retrieval of one model best? Ties within the intervals count."""
    return tied_for_best("layers.best", table[table["name"] == name].set_index("layer", drop=False))


def effect_of_rotation(table: pd.DataFrame) -> Numbers:
    """Exercise: how much does a rotation of one language change the bound of the cosine? Negative: it falls."""
    change = table[[COSINE, TRAINED]].iloc[1] - table[[COSINE, TRAINED]].iloc[0]
    return Numbers("layers.rotation", float(change[COSINE]), {"trained": float(change[TRAINED])})
