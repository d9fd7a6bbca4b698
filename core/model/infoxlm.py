"""InfoXLM: one XLM-R encoder with its vocabulary head, a contrast head, and the memory of keys (Chi et al. 2021)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM, XLMRobertaModel

from core.config import ModelSettings, Settings
from core.errors import InputError
from core.model.encoder import ATTENTION, compile_layers, hidden_states, pack, pool, states_at, truncated
from core.model.heads import contrast_head
from core.model.memory import Queue, momentum_update
from core.model.pretrained import open_language_model
from core.model.size import check_fits, num_parameters
from core.text.batches import Sequences
from core.text.tokenizer import BOS, EOS, PAD


class InfoXLM(nn.Module):
    """The model of a run.

    Attributes:
        language_model: XLM-R with its masked-LM head, as transformers saves and opens it.
        head: the contrast head, shared by all languages, or None.
        key_encoder, key_head: the momentum copies, without the layers above the contrast; None when keys come
            from the query encoder.
        queue: earlier keys.
    """

    def __init__(self, language_model: XLMRobertaForMaskedLM, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.language_model = language_model
        contrast, hidden = settings.contrast, language_model.config.hidden_size
        on, layers = contrast.enabled, language_model.config.num_hidden_layers
        if on and contrast.layer > layers:
            raise InputError(f"contrast.layer is {contrast.layer}, but the checkpoint has {layers} layers")
        self.head = contrast_head(hidden) if on and contrast.head else None
        self.key_encoder: XLMRobertaModel | None = None
        self.key_head: nn.Linear | None = None
        if on and contrast.keys == "momentum":
            self.key_encoder = truncated(self.encoder, contrast.layer)
            if self.head is not None:
                self.key_head = contrast_head(hidden).requires_grad_(False)
                self.key_head.load_state_dict(self.head.state_dict())
            if contrast.momentum_precision == "float16":
                for weight in self._slow():
                    weight.copy_(weight.half())
        if on:
            check_fits(contrast.queue * hidden, f"a queue of {contrast.queue:,} keys (contrast.queue)")
        self.queue = Queue(contrast.queue if on else 0, hidden)

    @property
    def encoder(self) -> XLMRobertaModel:
        """The query encoder, the one that is exported."""
        return self.language_model.roberta

    def trained(self) -> list[tuple[str, nn.Parameter]]:
        """The parameters that the optimizer moves, by name."""
        return [(name, parameter) for name, parameter in self.named_parameters() if parameter.requires_grad]

    def masked_states(self, sequences: Sequences, positions: Tensor) -> Float[Tensor, "masked hidden"]:
        """Last hidden states at masked positions."""
        return states_at(self.encoder, sequences, pack(sequences.lengths, sequences.ids.device), positions)

    def queries(self, sequences: Sequences) -> Float[Tensor, "pairs hidden"]:
        """Contrast vectors of the query encoder; no layer above the contrast is run."""
        return self._contrast(self.encoder, self.head, sequences)

    def keys(self, sequences: Sequences) -> Float[Tensor, "pairs hidden"]:
        """Contrast vectors of translations, without gradient when a momentum copy encodes them."""
        if self.key_encoder is None:
            return self.queries(sequences)
        with torch.no_grad():
            return self._contrast(self.key_encoder, self.key_head, sequences)

    def _contrast(self, encoder: XLMRobertaModel, head: nn.Linear | None, sequences: Sequences) -> Tensor:
        contrast = self.settings.contrast
        packing = pack(sequences.lengths, sequences.ids.device)
        if contrast.pooling == "first":
            vectors = states_at(encoder, sequences, packing, packing.starts, contrast.layer)
        else:
            *_, state = hidden_states(encoder, sequences, packing, contrast.layer)
            vectors = pool(state, packing, contrast.pooling)
        vectors = head(vectors) if head is not None else vectors
        return normalize(vectors, dim=-1) if contrast.normalise else vectors

    @torch.no_grad()
    def vectors(
        self, sequences: Sequences, layers: Sequence[int], pooling: str
    ) -> list[Float[Tensor, "sequences hidden"]]:
        """Sentence vectors at several hidden states, for evaluation."""
        packing = pack(sequences.lengths, sequences.ids.device)
        states = hidden_states(self.encoder, sequences, packing, max(layers))
        found = {
            number: pool(state, packing, pooling) for number, state in enumerate(states) if number in layers
        }
        return [found[layer].float() for layer in layers]

    def compile_layers(self) -> None:
        """Compiles the layers of both encoders, which takes a minute or two at the first step."""
        for encoder in (self.encoder, self.key_encoder):
            if encoder is not None:
                compile_layers(encoder)

    def follow(self) -> None:
        """Moves the key encoder towards the query encoder; once per optimizer step, after it."""
        if self.key_encoder is None:
            return
        own = dict(self.encoder.named_parameters())
        fast = [own[name] for name, _ in self.key_encoder.named_parameters()]
        fast += [] if self.head is None else self.head.parameters()
        contrast = self.settings.contrast
        momentum_update(self._slow(), fast, contrast.momentum, contrast.momentum_precision)

    def _slow(self) -> list[nn.Parameter]:
        assert self.key_encoder is not None
        return [
            *self.key_encoder.parameters(),
            *([] if self.key_head is None else self.key_head.parameters()),
        ]


def language_model(settings: ModelSettings, vocabulary: int, seed: int) -> XLMRobertaForMaskedLM:
    """A fresh XLM-R of the given shape, or the checkpoint that `settings.start` names.

    Raises:
        InputError: the checkpoint cannot be opened, is no XLM-R, has another vocabulary or too few positions, or the
            shape does not fit into memory.
    """
    torch.manual_seed(seed)
    if settings.start is not None:
        return _started(settings, settings.start, vocabulary)
    check_fits(num_parameters(settings, vocabulary), "an encoder of this shape (model)")
    config = XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=settings.feedforward,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout,
        max_position_embeddings=settings.max_tokens + PAD + 1,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        bos_token_id=BOS,
        pad_token_id=PAD,
        eos_token_id=EOS,
    )
    config._attn_implementation = ATTENTION  # pyright: ignore[reportPrivateUsage]
    model = XLMRobertaForMaskedLM(config)
    if settings.embedding_std != config.initializer_range:
        with torch.no_grad():
            words = model.roberta.embeddings.word_embeddings.weight
            words.normal_(std=settings.embedding_std)
            words[PAD] = 0.0
    return model


def _started(settings: ModelSettings, start: str, vocabulary: int) -> XLMRobertaForMaskedLM:
    model = open_language_model(start, settings.dropout)
    if model.config.vocab_size != vocabulary:
        raise InputError(
            f"{start} has a vocabulary of {model.config.vocab_size:,}, the tokenizer {vocabulary:,}: "
            "set tokenizer.folder to the checkpoint's own tokenizer"
        )
    room = model.config.max_position_embeddings - PAD - 1
    if settings.max_tokens > room:
        raise InputError(
            f"{start} has positions for {room} tokens, model.max_tokens is {settings.max_tokens}: "
            f"set --model.max-tokens {room}"
        )
    return model
