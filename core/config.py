"""Every setting of a run, with its meaning, unit, default and source.

Sources: "paper" is Chi et al., "InfoXLM", NAACL 2021; "released" is the code its authors published.
Where a default departs from both, the description says why. This module imports no torch, so that the
command line can show its help at once.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SerializeAsAny,
    model_validator,
)

from core.errors import InputError
from core.frozen import Above0, Frozen, Share
from core.task_settings import (
    ContrastSettings,
    DenoisingSettings,
    ExchangeSettings,
    MaskedSettings,
    TaskSettings,
)
from core.vocabulary_settings import TokenizerSettings

FORMAT_VERSION = 1
"""Version of the files of a run; a run of another version is refused, not guessed at."""

STORED: Final = {"stored": True}
"""Context for validating the settings of a run that has begun: what later versions refuse is still read."""


class WorldSettings(Frozen):
    """The built-in world, used as text where no corpus folder is given."""

    languages: tuple[str, ...] = Field(default=("ar", "en", "fr", "hi", "zh"), description="BCP-47 tags")
    meanings: PositiveInt = Field(
        default=20_000, description="distinct meanings drawn, held-out ones included"
    )
    facts: Literal[1, 2] = Field(default=1, description="facts told by one sentence")
    distribution: Literal["uniform", "zipf"] = Field(
        default="uniform", description="distribution over meanings"
    )
    zipf_exponent: Above0 = Field(default=1.0, description="exponent of the Zipf distribution")
    noise: Share = Field(default=0.0, description="probability that a pair is mistranslated")
    ambiguity: Share = Field(default=0.0, description="share of words merged with a neighbour")
    paraphrases: bool = Field(
        default=False, description="draw among the templates of a relation instead of the first"
    )
    relations: tuple[str, ...] | None = Field(
        default=None,
        description="relations told; default: all but the role facts transfer, comparison, negation and coreference, "
        "in which only order, case or agreement says who is which",
    )


class TextSettings(Frozen):
    """The choice of text: held-out meanings, the balance of languages, and pairs."""

    held_out: PositiveInt = Field(
        default=1_000,
        description="meanings kept from training to measure on, of those with translations and of those without; "
        "meanings that share a text go together, and no language or pair gives up more than a fifth",
    )
    exponent: Share = Field(
        default=0.7, description="languages and pairs are drawn with p ~ n^exponent (paper: 0.7)"
    )
    pivot: str | None = Field(
        default="en",
        description="one side of every pair (paper: en); 'None' draws from all pairs of languages",
    )


class ModelSettings(Frozen):
    """The shape of the XLM-R encoder and where its weights start."""

    layers: PositiveInt = Field(default=12, description="Transformer layers (XLM-R base: 12)")
    hidden: PositiveInt = Field(default=768, description="width of a hidden state (XLM-R base: 768)")
    heads: PositiveInt = Field(default=12, description="attention heads (XLM-R base: 12)")
    feedforward: PositiveInt = Field(
        default=3072, description="width of the feed-forward layer (XLM-R base: 3072)"
    )
    max_tokens: Annotated[int, Field(ge=8)] = Field(
        default=512,
        description="longest input in tokens, special ones included; longer sentences are cut (XLM-R: 512)",
    )
    dropout: Share = Field(default=0.0, description="dropout on hidden states and attention (released: 0.0)")
    embedding_std: Above0 = Field(
        default=0.02,
        description="standard deviation of fresh token embeddings (XLM-R: 0.02; 0.3 lets small models find "
        "the contrast at once, because mean-pooled sentences start out distinguishable)",
    )
    start: str | None = Field(
        default=None,
        description="folder or hub name of an XLM-R style checkpoint in safetensors; its shape replaces ours",
    )
    start_contrast: bool = Field(
        default=True,
        description="take contrast head, key encoder and queue too, where they lie beside `start` (an exported run)",
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "ModelSettings":
        if self.hidden % self.heads:
            raise ValueError(f"hidden ({self.hidden}) must be a multiple of heads ({self.heads})")
        return self


class OptimizerSettings(Frozen):
    """AdamW with linear warm-up and linear decay to zero."""

    learning_rate: Above0 = Field(default=2e-4, description="peak (paper: 2e-4 base, 1e-4 large)")
    warmup: NonNegativeInt = Field(default=10_000, description="steps of linear warm-up (paper: 10,000)")
    betas: tuple[Share, Share] = Field(default=(0.9, 0.98), description="of Adam (released)")
    epsilon: Above0 = Field(default=1e-6, description="of Adam (released)")
    weight_decay: NonNegativeFloat = Field(default=0.01, description="on all trained parameters (released)")
    clip: Above0 = Field(default=1.0, description="largest norm of the gradient (released)")


class BatchSettings(Frozen):
    """The amount of text in an optimizer step, over all processes together."""

    examples: Annotated[int, Field(ge=2)] = Field(
        default=2_048, description="of each task per step (paper: 2,048)"
    )
    accumulate: PositiveInt = Field(
        default=1,
        description="micro-batches a step is cut into, to save memory: gradient, candidates and queue stay those of "
        "the whole step, and with contrast.in_batch sentences are encoded twice (released: 16, where keys enter the "
        "queue after each)",
    )
    reduction: Literal["mean", "token-sum"] = Field(
        default="mean",
        description="'mean' adds three mean losses (paper); 'token-sum' adds three sums and divides by one count, "
        "which gives a sentence pair the weight of one masked token (released)",
    )


class MeasureSettings(Frozen):
    """Measurements, snapshots and checkpoints during a run."""

    snapshot_every: PositiveInt = Field(
        default=1_000,
        description="steps between snapshots of sentence vectors and retrieval; of more than 100 snapshots every "
        "second one is dropped, and again as the run goes on, but for the first and the last",
    )
    snapshot_meanings: PositiveInt = Field(
        default=40, description="held-out meanings of each language in a snapshot, as far as it has them"
    )
    retrieval_meanings: Annotated[int, Field(ge=2)] = Field(
        default=200,
        description="held-out meanings of each language, as far as it has them, that retrieval is measured on during "
        "the run; in 240 directions at most, drawn once",
    )
    checkpoint_every: PositiveInt = Field(default=1_000, description="steps between checkpoints")
    layer: NonNegativeInt | None = Field(
        default=None, description="hidden state that retrieval reads; default: the contrast layer"
    )
    pooling: Literal["first", "mean"] = Field(
        default="mean", description="of the tokens for retrieval (the paper's protocol: mean)"
    )


class Settings(Frozen):
    """The settings of a run, which decide all its numbers."""

    recipe: str = Field(default="", description="the recipe these settings came from")
    seed: NonNegativeInt = Field(default=1, description="of weights, sampling and masks")
    steps: PositiveInt = Field(
        default=150_000, description="optimizer steps (paper: 150,000; released: 200,000)"
    )
    precision: Literal["no", "bf16"] = Field(default="no", description="mixed precision; 'no' is float32")
    compile: bool = Field(default=False, description="torch.compile the encoder's layers, but for attention")
    world: WorldSettings = WorldSettings()
    text: TextSettings = TextSettings()
    tokenizer: TokenizerSettings = TokenizerSettings()
    model: ModelSettings = ModelSettings()
    mmlm: MaskedSettings = MaskedSettings()
    tlm: MaskedSettings = MaskedSettings()
    contrast: ContrastSettings = ContrastSettings()
    weam: ExchangeSettings = ExchangeSettings()
    dwa: DenoisingSettings = DenoisingSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    batch: BatchSettings = BatchSettings()
    measure: MeasureSettings = MeasureSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> "Settings":
        if not self.tasks:
            *sections, last = self._sections()
            raise ValueError(f"at least one of {', '.join(sections)} and {last} must be enabled")
        for task in self.tasks.values():
            task.check(self)
        return self

    @model_validator(mode="after")
    def _means_what_it_says(self, info: Any) -> "Settings":
        # not annotated: pydantic's type is a protocol that cannot be checked at run time
        if info.context == STORED:
            return self
        if self.optimizer.warmup > self.steps:
            raise ValueError(
                f"optimizer.warmup is {self.optimizer.warmup:,} of {self.steps:,} steps, so the learning rate would "
                f"never reach its peak: set --optimizer.warmup {self.steps // 10}, or raise --steps"
            )
        if self.model.start is None:
            self.evaluation_layer_of(self.model.layers)
        return self

    def _sections(self) -> dict[str, TaskSettings]:
        """The sections of all tasks, on or off, in the order of the fields."""
        sections = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: section for name, section in sections if isinstance(section, TaskSettings)}

    @classmethod
    def of(cls, raw: Any, info: Any = None) -> "Settings":
        """Reads stored settings as `Settings`, or as its first subclass that has every section named in `raw`.

        A subclass adds the section of a new task.
        """
        if isinstance(raw, Settings):
            return raw
        kinds = (Settings, *Settings.__subclasses__())
        named = set(raw) if isinstance(raw, dict) else set[str]()
        kind = next((kind for kind in kinds if named <= kind.model_fields.keys()), Settings)
        return kind.model_validate(raw, context=None if info is None else info.context)

    @property
    def tasks(self) -> dict[str, TaskSettings]:
        """The sections of the tasks that are on, in the order of the fields."""
        return {name: section for name, section in self._sections().items() if section.enabled}

    def examples_of(self, section: str) -> int:
        """Examples of a task per step, over all processes; 0 where the task is off."""
        task = self.tasks.get(section)
        return 0 if task is None else task.examples or self.batch.examples

    @property
    def evaluation_layer(self) -> int:
        """Hidden state that retrieval reads in a model that starts fresh."""
        return self.evaluation_layer_of(self.model.layers)

    def evaluation_layer_of(self, layers: int) -> int:
        """Hidden state that retrieval reads in a model with `layers` layers.

        Raises:
            InputError: the model has no such hidden state.
        """
        named = {"measure": self.measure.layer} | {
            section: task.hidden_state for section, task in self.tasks.items()
        }
        layers_by_section = [(section, layer) for section, layer in named.items() if layer is not None]
        if not layers_by_section:
            return max(1, layers * 2 // 3)
        section, layer = layers_by_section[0]
        if layer > layers:
            raise InputError(
                f"{section}.layer is {layer}, but the model has {layers} layers: choose from 0 to {layers}"
            )
        return layer


StoredSettings = Annotated[SerializeAsAny[Settings], BeforeValidator(Settings.of)]
"""Settings in a file, which may be a subclass with more tasks."""
