"""XLM-R's encoder on sequences without padding: every token that is computed is a token of text.

Linear layers see the tokens of all sequences as one row; only attention looks at sequences, in a few
rectangles of similar length. It is registered with transformers under the name `packed`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, XLMRobertaConfig, XLMRobertaModel
from transformers.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaLayer

from core.model.vocabulary import embedding_lookup
from core.text.batches import Sequences
from core.text.tokenizer import PAD

ATTENTION: Final = "packed"
SLACK: Final = 0.75


@dataclass(frozen=True)
class Rectangle:
    """Sequences of similar length, `rows` by `columns`; `attention_mask` is False on padding, None without any."""

    rows: int
    columns: int
    attention_mask: Bool[Tensor, "sequences 1 1 longest"] | None


@dataclass(frozen=True)
class Packing:
    """The layout of a packed row: its sequences, and the rectangles in which attention reads them.

    Attributes:
        positions: position of each token in its sequence, counted as XLM-R counts.
        starts: where each sequence begins in the row.
        owner: the sequence of each token.
        lengths: tokens of each sequence.
        rectangles: groups of sequences of similar length.
        token_of_slot: the token that each slot of the rectangles holds.
        slot_of_token: the slot in which each token stands.
    """

    positions: Int[Tensor, " tokens"]
    starts: Int[Tensor, " sequences"]
    owner: Int[Tensor, " tokens"]
    lengths: Int[Tensor, " sequences"]
    rectangles: tuple[Rectangle, ...]
    token_of_slot: Int[Tensor, " slots"]
    slot_of_token: Int[Tensor, " tokens"]


def pack(lengths: Int[Tensor, " sequences"], device: torch.device) -> Packing:
    """Plans attention: a rectangle holds sequences no shorter than three quarters of its longest."""
    starts = lengths.cumsum(0) - lengths
    owner = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    positions = torch.arange(int(lengths.sum())) - starts[owner]
    rectangles: list[Rectangle] = []
    slots, real = [], []
    for rows in _groups(lengths):
        columns = torch.arange(int(lengths[rows].max()))
        filled = columns < lengths[rows, None]
        slots.append((starts[rows, None] + columns * filled).flatten())
        real.append(filled.flatten())
        mask = None if bool(filled.all()) else filled[:, None, None, :].to(device)
        rectangles.append(Rectangle(len(rows), len(columns), mask))
    slot = torch.cat(slots)
    taken = torch.cat(real).nonzero()[:, 0]
    where = torch.empty_like(owner)
    where[slot[taken]] = taken
    # XLM-R counts positions from <pad> + 1
    moved = [tensor.to(device) for tensor in (positions + PAD + 1, starts, owner, lengths)]
    return Packing(
        moved[0], moved[1], moved[2], moved[3], tuple(rectangles), slot.to(device), where.to(device)
    )


def _groups(lengths: Tensor) -> list[Tensor]:
    """Sequences sorted by length, in groups.

    A group ends where a sequence is shorter than `SLACK` of its longest; no cut leaves fewer than eight on a side.
    """
    order = lengths.argsort(stable=True, descending=True)
    sizes, groups, begin = lengths[order].tolist(), [], 0
    for end in range(1, len(sizes) + 1):
        if end == len(sizes) or (
            sizes[end] < SLACK * sizes[begin] and end - begin >= 8 and len(sizes) - end >= 8
        ):
            groups.append(order[begin:end])
            begin = end
    return groups


class _ToSlots(torch.autograd.Function):
    """Copies tokens into slots. A padding slot sends no gradient to its token: the backward pass gathers too."""

    @staticmethod
    def forward(ctx: Any, packed: Tensor, packing: Packing) -> Tensor:
        ctx.where = packing.slot_of_token
        return packed.index_select(0, packing.token_of_slot)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0].index_select(0, ctx.where), None


class _FromSlots(torch.autograd.Function):
    """Copies slots back to tokens. Values on padding are dropped and get gradient zero."""

    @staticmethod
    def forward(ctx: Any, slots: Tensor, packing: Packing) -> Tensor:
        ctx.where, ctx.slots = packing.slot_of_token, len(packing.token_of_slot)
        return slots.index_select(0, packing.slot_of_token)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        back = grads[0].new_zeros(ctx.slots, *grads[0].shape[1:])
        return back.index_copy_(0, ctx.where, grads[0]), None


def packed_attention(
    module: nn.Module,
    query: Float[Tensor, "1 heads tokens width"],
    key: Float[Tensor, "1 heads tokens width"],
    value: Float[Tensor, "1 heads tokens width"],
    attention_mask: Tensor | None,
    packing: Packing,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of each token to the tokens of its own sequence, for transformers' attention interface."""
    assert attention_mask is None, "packed sequences need no mask"
    dtype = query.dtype
    if dtype == torch.bfloat16 and query.device.type == "cpu":
        # torch's CPU kernel is five times slower in bfloat16 than in float32
        query, key, value = query.float(), key.float(), value.float()
    sizes = [rectangle.rows * rectangle.columns for rectangle in packing.rectangles]
    split = [
        _ToSlots.apply(tensor[0].transpose(0, 1), packing).split(sizes) for tensor in (query, key, value)
    ]
    parts: list[Tensor] = []
    for rectangle, q, k, v in zip(packing.rectangles, *split, strict=True):
        shape = (rectangle.rows, rectangle.columns, *q.shape[1:])
        q, k, v = (tensor.view(shape).transpose(1, 2) for tensor in (q, k, v))
        attended = scaled_dot_product_attention(
            q, k, v, attn_mask=rectangle.attention_mask, dropout_p=dropout, scale=scaling
        )
        parts.append(attended.transpose(1, 2).flatten(0, 1))
    return _FromSlots.apply(torch.cat(parts), packing)[None].to(dtype), None


AttentionInterface.register(ATTENTION, packed_attention)


def hidden_states(
    encoder: XLMRobertaModel, sequences: Sequences, packing: Packing, last: int | None = None
) -> Iterator[Float[Tensor, "tokens hidden"]]:
    """Yields hidden states 0 (the embeddings) to `last` (default: the top one), as transformers counts them.

    No layer above `last` is run.
    """
    words = embedding_lookup(encoder.embeddings.word_embeddings.weight, sequences.ids)
    state = encoder.embeddings(inputs_embeds=words[None], position_ids=packing.positions[None])
    yield state[0]
    for layer in encoder.encoder.layer[:last]:
        state = layer(state, None, packing=packing)
        yield state[0]


def states_at(
    encoder: XLMRobertaModel,
    sequences: Sequences,
    packing: Packing,
    tokens: Int[Tensor, " wanted"],
    last: int | None = None,
) -> Float[Tensor, "wanted hidden"]:
    """Hidden state `last` (default: the top one) at the given tokens only.

    In the top layer the other tokens serve as keys and values; their output, three quarters of the layer's work, is
    not computed.

    Args:
        encoder: registered with the attention of this module.
        sequences: token ids without padding.
        packing: of these sequences.
        tokens: positions in `sequences.ids`.
        last: number of the hidden state, 0 for the embeddings.
    """
    layers = list(encoder.encoder.layer[:last])
    *_, state = hidden_states(encoder, sequences, packing, max(0, len(layers) - 1))
    if not layers:
        return state.index_select(0, tokens)
    top, state = cast(XLMRobertaLayer, layers[-1]), state[None]
    attended, _ = top.attention.self(state, None, packing=packing)
    attended = top.attention.output(attended.index_select(1, tokens), state.index_select(1, tokens))
    return top.output(top.intermediate(attended), attended)[0]


def compile_layers(encoder: XLMRobertaModel) -> None:
    """Compiles the parts of each layer after attention, for any number of tokens.

    Attention is not compiled: its rectangles differ from batch to batch, and each would be compiled anew.
    """
    for layer in list[Any](encoder.encoder.layer):
        for part in (layer.attention.output, layer.intermediate, layer.output):
            part.compile(dynamic=True)


def pool(
    state: Float[Tensor, "tokens hidden"], packing: Packing, pooling: str
) -> Float[Tensor, "sequences hidden"]:
    """One vector per sequence: the state of `<s>` ('first'), or the mean over all tokens of the sequence ('mean')."""
    if pooling == "first":
        return state[packing.starts]
    summed = torch.zeros(len(packing.starts), state.shape[1], dtype=state.dtype, device=state.device)
    return summed.index_add(0, packing.owner, state) / packing.lengths[:, None].to(state.dtype)


def truncated(encoder: XLMRobertaModel, layers: int) -> XLMRobertaModel:
    """A copy of an encoder without the layers above `layers`, in evaluation mode and without gradients."""
    config = XLMRobertaConfig.from_dict({**encoder.config.to_dict(), "num_hidden_layers": layers})
    config._attn_implementation = ATTENTION  # pyright: ignore[reportPrivateUsage]
    copy = XLMRobertaModel(config, add_pooling_layer=False)
    missing = copy.load_state_dict(encoder.state_dict(), strict=False).missing_keys
    assert not missing, missing
    return copy.requires_grad_(False).eval()
