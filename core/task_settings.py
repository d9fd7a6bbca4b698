"""Settings of the pretext tasks: what each task reads, masks, weighs and compares.

Sources: "paper" is Chi et al., "InfoXLM", NAACL 2021; "released" is the code its authors published.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from core.frozen import Above0, Frozen, Share
from core.vocabulary_settings import TargetSettings

if TYPE_CHECKING:
    from core.config import Settings


class TaskSettings(Frozen):
    """The settings that every pretext task has."""

    enabled: bool = Field(default=False, description="train on this task")
    weight: Above0 = Field(default=1.0, description="factor on the loss")
    examples: PositiveInt | None = Field(
        default=None, description="per step, over all processes; default: batch.examples"
    )

    @property
    def hidden_state(self) -> int | None:
        """The hidden state that the task reads, where that is a setting; retrieval reads the same state by default."""
        return None

    def check(self, settings: "Settings") -> None:
        """Raises ValueError where this task, which is on, does not fit the other settings."""


class MaskingSettings(TaskSettings):
    """A task that masks tokens of its inputs."""

    rate: Share = Field(default=0.15, description="share of the tokens predicted (paper: 0.15)")
    mask_share: Share = Field(default=0.8, description="share of the predicted tokens shown as <mask> (0.8)")
    random_share: Share = Field(
        default=0.1, description="share shown as a random token (0.1); the rest is left as it is"
    )
    mask_special: bool = Field(
        default=False,
        description="<s> and </s> are predicted too (released: yes). Off, because they tell nothing of a text, and "
        "because <s> is the token that is contrasted",
    )

    @model_validator(mode="after")
    def _shares_fit(self) -> "MaskingSettings":
        if self.mask_share + self.random_share > 1:
            raise ValueError("mask_share + random_share must not exceed 1")
        return self


class MaskedSettings(MaskingSettings, TargetSettings):
    """Masked language modelling, of one sentence (MMLM) or of a translation pair (TLM)."""

    enabled: bool = Field(default=True, description="train on this task")
    weight: Above0 = Field(default=1.0, description="factor on the loss (paper: 1, a plain sum)")
    examples: PositiveInt | None = Field(
        default=None,
        description="per step, over all processes; default: batch.examples (paper: equal for all tasks)",
    )


class ExchangeSettings(MaskingSettings):
    """Word exchange (WEAM-style): a masked token is predicted from the tokens that an aligner links to it.

    A reconstruction: of WEAM (Yang et al. 2021) the abstract alone is public, no code.
    """

    weight: Above0 = Field(default=0.5, description="factor on the loss (ours)")
    mass: Share = Field(
        default=0.3,
        description="a masked token is predicted where its links have more than this probability in all (ours)",
    )
    head: Literal["shared", "separate"] = Field(
        default="shared",
        description="what predicts the token: the vocabulary head of mmlm and tlm, or a separate head, which learns a "
        "dictionary and leaves the languages apart",
    )
    prior: Literal["aligner", "uniform", "shuffled"] = Field(
        default="aligner",
        description="where links lead: to the tokens that the statistical aligner names; for comparison to all tokens "
        "of the translation alike, or to others of its tokens, a random distance away",
    )


class DenoisingSettings(MaskingSettings):
    """Denoising word alignment (DWA): a masked token points at the token of the translation that it is aligned to.

    "released" is the code of Chi et al., "Improving Pretrained Cross-Lingual Language Models via Self-Labeled Word
    Alignment" (XLM-Align, ACL 2021).
    """

    layer: PositiveInt | None = Field(
        default=None,
        description="hidden state whose similarities label the alignment, of the pair without masks; default: five "
        "sixths up, below the top (released: 10 of 12)",
    )

    def labelling_layer(self, layers: int) -> int:
        """The hidden state that labels the alignment in a model with `layers` layers."""
        return self.layer or max(1, min(layers - 1, round(layers * 10 / 12)))

    def check(self, settings: "Settings") -> None:
        if settings.model.start is not None:
            return
        if settings.model.layers < 2:
            raise ValueError(
                "dwa labels words by a layer below the one that points, but the model has 1 layer: set model.layers to "
                "2 or more, or leave dwa off"
            )
        if self.labelling_layer(settings.model.layers) > settings.model.layers:
            raise ValueError(f"dwa.layer is {self.layer}, but the model has {settings.model.layers} layers")


class ContrastSettings(TaskSettings):
    """Cross-lingual contrast (XLCO): the translation against other sentences."""

    enabled: bool = Field(default=True, description="train on this task")
    weight: Above0 = Field(default=1.0, description="factor on the loss (released: xlco_lambda 1.0)")
    examples: PositiveInt | None = Field(
        default=None,
        description="per step, over all processes; default: batch.examples (paper). Small runs learn to align "
        "faster with more pairs, which are also each other's negatives",
    )
    layer: NonNegativeInt = Field(
        default=8, description="hidden state that is contrasted, 0 = embeddings (paper: 8 of 12, 12 of 24)"
    )
    pooling: Literal["first", "mean"] = Field(
        default="first",
        description="the state of <s> (paper), or the mean over all tokens (moves at once from scratch)",
    )
    head: bool = Field(
        default=True, description="a bias-free linear map shared by all languages (released: --use_proj)"
    )
    temperature: Above0 = Field(default=0.25, description="scores are divided by it (released: 0.25)")
    normalise: bool = Field(
        default=False, description="cosine scores instead of inner products (released: inner products)"
    )
    keys: Literal["momentum", "query"] = Field(
        default="momentum",
        description="what encodes the translation: a momentum copy without gradient (paper), or the query "
        "encoder itself with gradient (learns faster in small runs: both sides move)",
    )
    momentum: Share = Field(
        default=0.9999,
        description="of the key encoder, per optimizer step (paper: 0.9999 base, 0.999 large); 1 freezes it",
    )
    momentum_precision: Literal["float32", "float16"] = Field(
        default="float32",
        description="of the key encoder's weights and their update. 'float16' is what the released --fp16 does, "
        "where at momentum 0.9999 nearly every update is rounded away and the key encoder stands still",
    )
    queue: NonNegativeInt = Field(
        default=131_072, description="earlier keys among the candidates (paper: 131,072)"
    )
    prefill: bool = Field(
        default=True,
        description="fill the queue with real keys before step 1 (released), of the pairs that are read last",
    )
    in_batch: bool = Field(
        default=False,
        description="the other pairs of the batch are candidates too (released: no; small runs learn faster with it)",
    )
    directions: Literal["one", "both"] = Field(
        default="one", description="which side is the query: drawn per pair (released), or each in turn"
    )
    mixup: bool = Field(default=True, description="two pairs are joined, each side in random order (paper)")
    mixup_languages: Literal["same", "other"] = Field(
        default="same",
        description="of the second pair: the 'same' two, so that a side keeps its language (released), or an 'other' "
        "pair of languages, with either of its sentences on either side, so that sides mix languages (paper)",
    )
    mask_inputs: bool = Field(
        default=False,
        description="mask the contrasted text with the rate, shares and mask_special of mmlm (released: yes; paper: "
        "not mentioned). Off: evaluation reads whole sentences, and masking 30 % cost most of the retrieval "
        "within 400 steps (docs/findings.md)",
    )
    exclude_same_meaning: bool = Field(
        default=True,
        description="a candidate with the query's own meaning is no negative (released: not handled). Meanings that "
        "share a text are one; a mixed candidate has the query's own where both of its pairs do, in either order",
    )

    @property
    def hidden_state(self) -> int:
        return self.layer

    def check(self, settings: "Settings") -> None:
        if settings.model.start is None and self.layer > settings.model.layers:
            raise ValueError(
                f"contrast.layer is {self.layer}, but the model has {settings.model.layers} layers"
            )
        if not self.in_batch and self.queue == 0:
            raise ValueError(
                "contrast has no negatives: set contrast.queue above 0 or contrast.in_batch to True"
            )
