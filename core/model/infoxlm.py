"""InfoXLM: one XLM-R encoder with its vocabulary head, and what the pretext tasks add to it (Chi et al. 2021)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM, XLMRobertaModel

from core.config import ModelSettings, Settings
from core.errors import InputError
from core.model.encoder import ATTENTION, compile_layers, hidden_states, pack, pool, states_at
from core.model.pretrained import open_language_model
from core.model.size import check_fits, num_parameters
from core.text.batches import Sequences
from core.text.pretrained import open_tokenizer
from core.text.tokenizer import BOS, EOS, PAD


class InfoXLM(nn.Module):
    """The model of a run.

    Attributes:
        language_model: XLM-R with its masked-LM head, as transformers saves and opens it.
        tasks: the pretext tasks that are on, by their sections of the settings, with the modules they own.
    """

    def __init__(
        self, language_model: XLMRobertaForMaskedLM, settings: Settings, tasks: nn.ModuleDict
    ) -> None:
        super().__init__()
        self.settings, self.language_model, self.tasks = settings, language_model, tasks

    @property
    def encoder(self) -> XLMRobertaModel:
        """The query encoder, which is exported."""
        return self.language_model.roberta

    def trained(self) -> list[tuple[str, nn.Parameter]]:
        """The parameters that the optimizer moves, by name; names of a task's parameters begin with its section."""
        return [
            (name.removeprefix("tasks."), parameter)
            for name, parameter in self.named_parameters()
            if parameter.requires_grad
        ]

    def masked_states(self, sequences: Sequences, positions: Tensor) -> Float[Tensor, "masked hidden"]:
        """Top hidden states at `positions` of `sequences.ids`."""
        return states_at(self.encoder, sequences, pack(sequences.lengths, sequences.ids.device), positions)

    @torch.no_grad()
    def vectors(
        self, sequences: Sequences, layers: Sequence[int], pooling: str
    ) -> list[Float[Tensor, "sequences hidden"]]:
        """Sentence vectors in float32 at several hidden states, for evaluation.

        Args:
            sequences: token ids without padding.
            layers: numbers of the hidden states, 0 for the embeddings.
            pooling: 'mean' over all tokens, or 'first'.
        """
        packing = pack(sequences.lengths, sequences.ids.device)
        states = hidden_states(self.encoder, sequences, packing, max(layers))
        pooled = {
            number: pool(state, packing, pooling) for number, state in enumerate(states) if number in layers
        }
        return [pooled[layer].float() for layer in layers]

    def compile_layers(self) -> None:
        """Compiles the layers of all encoders, which takes a minute or two at the first step."""
        for module in self.modules():
            if isinstance(module, XLMRobertaModel):
                compile_layers(module)


def language_model(settings: ModelSettings, vocabulary: int, seed: int) -> XLMRobertaForMaskedLM:
    """A fresh XLM-R of the given shape, or the checkpoint that `settings.start` names.

    Raises:
        InputError: the checkpoint cannot be opened, is no XLM-R, has another vocabulary or too few positions, or the
            shape does not fit into memory.
    """
    torch.manual_seed(seed)
    if settings.start is not None:
        return _from_checkpoint(settings, settings.start, vocabulary)
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


def _from_checkpoint(settings: ModelSettings, start: str, vocabulary: int) -> XLMRobertaForMaskedLM:
    model = open_language_model(start, settings.dropout)
    if model.config.vocab_size > vocabulary == open_tokenizer(start).size:
        # published models have embeddings for more tokens than their tokenizer: those that no text has are cut off
        model.resize_token_embeddings(vocabulary)
    if model.config.vocab_size != vocabulary:
        raise InputError(
            f"{start} has a vocabulary of {model.config.vocab_size:,}, the tokenizer {vocabulary:,}: "
            "set tokenizer.folder to the checkpoint's own tokenizer"
        )
    num_positions = model.config.max_position_embeddings - PAD - 1
    if settings.max_tokens > num_positions:
        raise InputError(
            f"{start} has positions for {num_positions} tokens, model.max_tokens is {settings.max_tokens}: "
            f"set --model.max-tokens {num_positions}"
        )
    return model
