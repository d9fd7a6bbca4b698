"""Settings of the vocabulary: how it is trained and shared among languages, and over which part of it a loss runs.

"released" is the code of Zheng et al., "Allocating Large Vocabulary Capacity for Cross-lingual Language Model
Pre-training" (VoCap, EMNLP 2021).
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from core.frozen import Frozen, Share

Algorithm = Literal["bpe", "unigram"]
Allocation = Literal["joint", "equal", "vocap"]


class TokenizerSettings(Frozen):
    """A tokenizer trained on the corpus, or one read from a folder."""

    vocabulary: Annotated[int, Field(ge=16, le=1_000_000)] = Field(
        default=16_000,
        description="tokens, the five special ones included; training may find fewer (XLM-R: 250,002)",
    )
    byte_fallback: bool = Field(
        default=True,
        description="256 more tokens for the bytes of characters that training has not met, which are <unk> without "
        "them; never for the built-in world, whose characters are all met",
    )
    sentences: PositiveInt = Field(
        default=100_000, description="read to train it, about, drawn at random from the corpus"
    )
    folder: Path | None = Field(
        default=None, description="a tokenizer.json or a folder with one, XLM-R's own for example"
    )
    allocation: Allocation = Field(
        default="joint",
        description="who gets how much of the vocabulary: 'joint' trains one on the text of all languages; 'equal' "
        "unites monolingual vocabularies of one size; 'vocap' unites those whose next piece brings each language the "
        "same weighted gain",
    )
    algorithm: Algorithm | None = Field(
        default=None, description="default: bpe for the allocation 'joint', unigram for the others"
    )
    alpha: Share = Field(
        default=0.7, description="languages weigh q ~ n^alpha before beta (released: 0.7, as text is drawn)"
    )
    beta: NonNegativeFloat = Field(
        default=0.7,
        description="gains of a language are weighted with q^beta: 0 weighs all alike (released: 0.7); also the "
        "mixture that a joint unigram vocabulary is trained on",
    )
    step: PositiveInt | None = Field(
        default=None,
        description="pieces between two sizes that are tried for a language; default: a fifth of an even share "
        "(released: 1,000 for 500,000 pieces)",
    )
    sizes: Annotated[int, Field(ge=2)] = Field(
        default=50, description="so many sizes of each language are tried (released: 50)"
    )
    gain: Literal["line", "character"] = Field(
        default="line",
        description="ALP is read per line (released), which gives more to languages with longer lines, or per "
        "character",
    )
    train_each_size: bool = Field(
        default=False,
        description="train every size of every language anew (released), instead of training the largest and "
        "pruning it",
    )

    @model_validator(mode="after")
    def _algorithm_fits(self) -> "TokenizerSettings":
        if self.allocation != "joint" and self.algorithm == "bpe":
            raise ValueError(
                f"the allocation {self.allocation} unites unigram vocabularies: leave algorithm out or set it to "
                "unigram"
            )
        return self

    @property
    def trained_as(self) -> Algorithm:
        """The algorithm that the tokenizer is trained with."""
        return self.algorithm or ("bpe" if self.allocation == "joint" else "unigram")


class TargetSettings(Frozen):
    """Which tokens the softmax of masked language modelling runs over."""

    targets: Literal["full", "knn"] = Field(
        default="full",
        description="the whole vocabulary, or 'knn': the nearest neighbours of the tokens that a micro-batch of a "
        "process predicts (Zheng et al. 2021), so that losses depend on how a step is cut; measurements read the whole",
    )
    neighbours: PositiveInt = Field(
        default=50,
        description="of each predicted token by inner product of output embeddings, itself included",
    )
    refresh: PositiveInt = Field(default=500, description="steps between two searches for neighbours")
