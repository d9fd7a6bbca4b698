"""Lesson 08: any XLM-R style checkpoint, read layer by layer."""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from core.checkpoint import open_foreign
from core.errors import InputError
from core.model.infoxlm import InfoXLM
from core.text.corpus import open_corpus
from core.text.tokenizer import Tokenizer
from lab import store
from lab.bundle import bundle
from lab.evaluate.foreign import Prompts, own_prompts, own_reading
from lab.evaluate.hidden_states import (
    COSINE,
    TRAINED,
    Vectors,
    information_by_layer,
    retrieval_by_layer,
    vectors_of_model,
)
from lab.lessons.exercises import Choice, Numbers, tied_for_best
from lab.lessons.output import say
from lab.lessons.real_text import named_folder
from lab.lessons.scale import Lesson
from lab.text import all_sentences, world_corpus

POOLINGS: Final = ("mean", "first")


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint, where it came from, and how its own files say that sentences are read."""

    start: str
    model: InfoXLM
    tokenizer: Tokenizer
    layer: int
    pooling: str
    prompts: Prompts

    @property
    def parameters(self) -> pd.Series:
        """Number of parameters of the embeddings, the layers and the vocabulary head; shared parameters count once."""
        model, encoder = self.model.language_model, self.model.encoder
        total = sum(weight.numel() for weight in model.parameters())
        embeddings = sum(weight.numel() for weight in encoder.embeddings.parameters())
        layers = sum(weight.numel() for weight in encoder.encoder.parameters())
        counts = {"embeddings": embeddings, "layers": layers, "head": total - embeddings - layers}
        return pd.Series(counts, name="parameters")


def opened(lesson: Lesson, start: str) -> Checkpoint:
    """The checkpoint of a folder or hub name; without one, a run of the lesson is exported and opened. Says which.

    Raises:
        InputError: it cannot be opened or is no XLM-R.
    """
    if not start:
        run = lesson.trained("toy")
        folder = store.runs_folder() / ".cache" / f"exported-{run.name}"
        bundle(run, folder, overwrite=True)
        start = str(folder)
        say(
            f"No checkpoint was named: run `{run.name}` was exported, as `lab export` does, and is opened like a "
            'stranger\'s. For another: `MODEL = "FOLDER"` or a hub name.'
        )
    model, tokenizer = open_foreign(start)
    layer, pooling = own_reading(start, model.encoder.config.num_hidden_layers)
    return Checkpoint(start, model, tokenizer, layer, pooling, own_prompts(start))


def text_to_read(lesson: Lesson, folder: str, meanings: int) -> pd.DataFrame:
    """Sentences of a corpus folder, or of the built-in world, of at most so many meanings: meaning, language, text.

    Raises:
        InputError: the folder is no corpus, or no meaning is told in two languages.
    """
    settings = lesson.settings
    corpus = open_corpus(named_folder(folder)) if folder else world_corpus(settings.world, settings.seed + 1)
    table = all_sentences(corpus)
    num_languages = table.groupby("meaning")["language"].nunique()
    shared = num_languages.index[num_languages > 1]
    if shared.empty:
        raise InputError(f"no meaning of {folder} is told in two languages: name a corpus with translations")
    sampled = pd.Series(shared).sample(min(meanings, len(shared)), random_state=0)
    return table[table["meaning"].isin(sampled)].reset_index(drop=True)


def read(checkpoint: Checkpoint, sentences: pd.DataFrame) -> dict[str, Vectors]:
    """Sentence vectors by pooling and hidden state, read after the checkpoint's default prompt if it has one."""
    sentences = sentences.assign(text=checkpoint.prompts.text + sentences["text"])
    return {
        pooling: vectors_of_model(checkpoint.model, checkpoint.tokenizer, sentences, pooling)
        for pooling in POOLINGS
    }


def contents_in_words(checkpoint: Checkpoint, sentences: pd.DataFrame) -> list[str]:
    """Words for the parts of a checkpoint, how its own files read sentences, and the text that is read."""
    config, parameters = checkpoint.model.encoder.config, checkpoint.parameters
    return [
        f"{config.num_hidden_layers} layers x {config.hidden_size}, a vocabulary of {config.vocab_size:,}; "
        f"{parameters['embeddings'] / parameters.sum():.0%} of {parameters.sum():,} parameters are embeddings. By its "
        f"own files, or by default, sentences are read from hidden state {checkpoint.layer}, pooling "
        f"{checkpoint.pooling}.",
        *([f"Prompts: {checkpoint.prompts.words}."] if checkpoint.prompts.words else []),
        f"Text to read: {sentences['meaning'].nunique():,} meanings in "
        f"{' '.join(sorted(sentences['language'].unique()))}.",
    ]


def retrieval_by_pooling(
    vectors: dict[str, Vectors], sentences: pd.DataFrame, meanings: int = 300
) -> pd.DataFrame:
    """Mean top-1 accuracy by pooling and layer: name, layer, value, low, high, chance."""
    parts = [
        retrieval_by_layer(values, sentences, f"pooling {pooling}", meanings)
        for pooling, values in vectors.items()
    ]
    return pd.concat(parts, ignore_index=True)


def retrieval_in_words(table: pd.DataFrame) -> list[str]:
    """The best reading of `retrieval_by_pooling`, and the one that cannot see the sentence, beside guessing."""
    best = table.loc[table["value"].idxmax()]
    blind = table[(table["name"] == "pooling first") & (table["layer"] == 0)].iloc[0]
    return [
        f"Best: {best['name']}, layer {best['layer']}, {best['value']:.1%} [{best['low']:.1%}, {best['high']:.1%}]. "
        f"Pooling first at layer 0: {blind['value']:.1%}; guessing finds {best['chance']:.1%}."
    ]


def information(
    vectors: dict[str, Vectors], sentences: pd.DataFrame, pooling: str, steps: int = 500
) -> pd.DataFrame:
    """`lab.lessons.layers.information_by_layer` on the two languages that tell the most meanings."""
    source, target = sentences["language"].value_counts(sort=True).index[:2]
    return information_by_layer(vectors[pooling], sentences, str(source), str(target), steps)


def information_in_words(table: pd.DataFrame) -> list[str]:
    """The best layer of each critic, and where the trained one finds most beyond the cosine; from `information`."""
    value = table.pivot(index="layer", columns="name", values="value")
    hidden = value[TRAINED] - value[COSINE]
    most = float(hidden.to_numpy().max())
    beyond = (
        f"In layer {hidden.idxmax()} the trained critic finds {most:.2f} nats more than the cosine: there, but "
        "not aligned."
        if most > 0
        else "In no layer does the trained critic find more than the cosine: it had too few pairs to learn from, or "
        "nothing is left to find."
    )
    return [
        f"The largest of {len(value)} bounds of the cosine is {value[COSINE].max():.2f} nats, in layer "
        f"{value[COSINE].idxmax()}; of the trained critic {value[TRAINED].max():.2f}, in layer "
        f"{value[TRAINED].idxmax()}; the ceiling is {table['ceiling'].max():.2f}. The largest of several "
        f"is a selection: it flatters. {beyond}"
    ]


def hidden_states(checkpoint: Checkpoint) -> Numbers:
    """Exercise: how many hidden states does a checkpoint have, as transformers counts them?"""
    layers = checkpoint.model.encoder.config.num_hidden_layers
    return Numbers("checkpoint.states", layers + 1, {"layers": layers})


def embedding_share(checkpoint: Checkpoint) -> Numbers:
    """Exercise: what share of a checkpoint's parameters lies in its embeddings, in percent?"""
    counts = checkpoint.parameters
    percent = 100 * counts / counts.sum()
    values = {"layers": percent["layers"], "embeddings": counts["embeddings"], "total": counts.sum()}
    return Numbers("checkpoint.embeddings", percent["embeddings"], values)


def best_reading(table: pd.DataFrame) -> Choice:
    """Exercise: which pooling and layer retrieve best, such as ("mean", 7)? Ties within the intervals count."""
    readings = zip(table["name"].str.removeprefix("pooling "), table["layer"], strict=True)
    return tied_for_best("checkpoint.best", table.set_axis(pd.Index(list(readings), tupleize_cols=False)))
