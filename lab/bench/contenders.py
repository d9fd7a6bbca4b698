"""Contenders for a training step: ours, and code with transformers alone. Text, masks and optimizer are the same."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pad_sequence
from transformers import XLMRobertaModel

from core.config import Settings
from core.model.encoder import ATTENTION
from core.objectives.xlco import XLCO
from core.text.batches import MaskedBatch, PairBatch, Sequences
from core.text.tokenizer import PAD
from core.train import Training, draw_micro_batches, learning_rate, train
from lab.bench.case import Case

OURS: Final = "ours"
ALL: Final = "transformers, logits at every position"
MASKED: Final = "transformers, logits at masked positions"
GROUPED: Final = "transformers, masked positions, grouped by length, cut at the contrast"
RANKING: Final = "sentence-transformers, MultipleNegativesRankingLoss"
PEERS: Final = {"joint": (ALL, MASKED, GROUPED), "contrast": (RANKING,)}
IGNORED: Final = -100
GROUPS: Final = 8
"""Groups of about equally long sequences in a batch, so that there is little padding."""
Contender = Callable[[int], None]
"""Takes the optimizer step of this number."""


def contender(name: str, training: Training) -> Contender:
    """Ours or a peer, on the weights and the optimizer of `training`, so that all contenders fit into memory."""
    if name == OURS:
        return Ours(training)
    if name == GROUPED:
        return Grouped(training)
    return Ranking(training) if name == RANKING else Plain(training, "all" if name == ALL else "masked")


def needed(case: Case, name: str) -> Settings:
    """The settings of `training` for this contender alone; a peer with a key encoder makes its own copy."""
    return case.settings() if name in (OURS, RANKING) else case.settings(keys="query")


class Ours:
    """The step of `core.train`, as a run calls it."""

    def __init__(self, training: Training) -> None:
        self.training, self.steps = training, train(training)

    def __call__(self, step: int) -> None:
        self.training.model.language_model.config._attn_implementation = ATTENTION
        self.training.step = step - 1
        next(self.steps)


class Plain:
    """Padded batches through the classes of transformers, and contrast as in MoCo (He et al. 2020).

    MMLM and TLM run through `XLMRobertaForMaskedLM` with `labels=`, or with the vocabulary head at masked positions
    only. Contrast runs twice through all layers and takes the contrasted hidden state. Each task is back-propagated at
    once, so that memory holds the activations of a single task.
    """

    def __init__(self, training: Training, logits: Literal["all", "masked"]) -> None:
        self.training, self.logits = training, logits
        self.head, self.queue = XLCO.of(training.model).head, XLCO.of(training.model).queue
        self.slow = deepcopy(training.model.encoder).requires_grad_(False)
        self.slow_head = deepcopy(self.head).requires_grad_(False) if self.head is not None else None

    def __call__(self, step: int) -> None:
        training, model = self.training, self.training.model
        model.language_model.config._attn_implementation = "sdpa"
        self.slow.config._attn_implementation = "sdpa"
        (batches,) = draw_micro_batches(training, step)
        for key in ("mmlm", "tlm"):
            self._masked(batches[key])
        keys = self._contrast(batches["xlco"])
        update(training, step)
        self._follow()
        self.queue.push(keys, batches["xlco"].meanings)

    def _masked(self, part: MaskedBatch) -> None:
        language_model = self.training.model.language_model
        labels = torch.full_like(part.sequences.ids, IGNORED)
        labels[part.positions] = part.targets
        ids, mask = padded(part.sequences.ids, part.sequences, PAD)
        labels, _ = padded(labels, part.sequences, IGNORED)
        with self.training.accelerator.autocast():
            if self.logits == "all":
                loss = language_model(input_ids=ids, attention_mask=mask, labels=labels).loss
            else:
                predicted = labels != IGNORED
                states = language_model.roberta(input_ids=ids, attention_mask=mask).last_hidden_state[
                    predicted
                ]
                loss = cross_entropy(language_model.lm_head(states).float(), labels[predicted])
        loss.backward()

    def _contrast(self, part: PairBatch) -> Tensor:
        model, contrast = self.training.model, self.training.settings.contrast
        with self.training.accelerator.autocast():
            queries = self._vectors(model.encoder, self.head, part.queries)
            with torch.no_grad():
                keys = self._vectors(self.slow, self.slow_head, part.keys)
            queued, _ = self.queue.candidates()
            scores = torch.cat([(queries * keys).sum(-1, keepdim=True), queries @ queued.T], dim=1)
            positives = torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
            loss = cross_entropy(scores.float() / contrast.temperature, positives)
        loss.backward()
        return keys

    def _vectors(self, encoder: Any, head: Any, sequences: Sequences) -> Tensor:
        ids, mask = padded(sequences.ids, sequences, PAD)
        states = encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        return head(states[self.training.settings.contrast.layer][:, 0])

    @torch.no_grad()
    def _follow(self) -> None:
        model, momentum = self.training.model, self.training.settings.contrast.momentum
        pairs = [(self.slow, model.encoder)]
        if self.slow_head is not None and self.head is not None:
            pairs.append((self.slow_head, self.head))
        for slow, fast in pairs:
            # the key encoder of `Grouped` has fewer layers
            slow_parameters = dict(slow.named_parameters())
            for name, parameter in fast.named_parameters():
                if name in slow_parameters:
                    slow_parameters[name].mul_(momentum).add_(parameter, alpha=1 - momentum)


class Grouped(Plain):
    """`Plain` with logits at masked positions, tuned: batches are sorted by length, and contrast stops at its layer."""

    def __init__(self, training: Training) -> None:
        super().__init__(training, "masked")
        self.slow.encoder.layer = self.slow.encoder.layer[: training.settings.contrast.layer]

    def _masked(self, part: MaskedBatch) -> None:
        language_model = self.training.model.language_model
        labels = torch.full_like(part.sequences.ids, IGNORED)
        labels[part.positions] = part.targets
        rows, truth = (flat.split(part.sequences.lengths.tolist()) for flat in (part.sequences.ids, labels))
        for group in groups(part.sequences.lengths):
            ids, mask = padded_rows([rows[row] for row in group], PAD)
            targets, _ = padded_rows([truth[row] for row in group], IGNORED)
            predicted = targets != IGNORED
            if not predicted.any():
                continue
            with self.training.accelerator.autocast():
                states = language_model.roberta(input_ids=ids, attention_mask=mask).last_hidden_state[
                    predicted
                ]
                logits = language_model.lm_head(states).float()
            (cross_entropy(logits, targets[predicted], reduction="sum") / len(part.targets)).backward()

    def _vectors(self, encoder: Any, head: Any, sequences: Sequences) -> Tensor:
        layers, cut = encoder.encoder.layer, self.training.settings.contrast.layer
        rows = sequences.ids.split(sequences.lengths.tolist())
        order = groups(sequences.lengths)
        encoder.encoder.layer = layers[:cut]
        try:
            states = [
                encoder(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
                for ids, mask in (padded_rows([rows[row] for row in group], PAD) for group in order)
            ]
        finally:
            encoder.encoder.layer = layers
        return head(torch.cat(states)[torch.cat(order).argsort()])


class FirstModule(nn.Module):
    """XLM-R as the first module of a SentenceTransformer that is given token ids."""

    def __init__(self, encoder: XLMRobertaModel) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, features: dict[str, Tensor], **_: Any) -> dict[str, Tensor]:
        states = self.encoder(input_ids=features["input_ids"], attention_mask=features["attention_mask"])
        return {**features, "token_embeddings": states.last_hidden_state}


class Ranking:
    """MultipleNegativesRankingLoss on padded batches: mean pooling, cosine, the batch as negatives."""

    def __init__(self, training: Training) -> None:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
        from sentence_transformers.sentence_transformer.modules import Pooling

        self.training, model = training, training.model
        pooling = Pooling(model.encoder.config.hidden_size, "mean")
        sentences = SentenceTransformer(
            modules=[FirstModule(model.encoder), pooling], device=str(training.accelerator.device)
        )
        self.loss = MultipleNegativesRankingLoss(sentences, scale=1 / training.settings.contrast.temperature)

    def __call__(self, step: int) -> None:
        training = self.training
        training.model.language_model.config._attn_implementation = "sdpa"
        (batches,) = draw_micro_batches(training, step)
        features = []
        for sequences in (batches["xlco"].queries, batches["xlco"].keys):
            ids, mask = padded(sequences.ids, sequences, PAD)
            features.append({"input_ids": ids, "attention_mask": mask})
        with training.accelerator.autocast():
            loss = self.loss(features, None)
        loss.backward()
        update(training, step)


def update(training: Training, step: int) -> None:
    """Clips gradients and takes the optimizer's step, as `core.train` does."""
    settings = training.settings
    clip_grad_norm_([parameter for _, parameter in training.model.trained()], settings.optimizer.clip)
    for group in training.optimizer.param_groups:
        group["lr"] = learning_rate(step, settings.steps, settings.optimizer)
    training.optimizer.step()
    training.optimizer.zero_grad(set_to_none=True)


def padded(flat: Tensor, sequences: Sequences, value: int) -> tuple[Tensor, Tensor]:
    """Rows of equal length, and the mask of their tokens."""
    return padded_rows(flat.split(sequences.lengths.tolist()), value)


def padded_rows(rows: Sequence[Tensor], value: int) -> tuple[Tensor, Tensor]:
    """Rows padded to the longest, and the mask of their tokens, [rows, longest]."""
    lengths = torch.tensor([len(row) for row in rows])
    whole = pad_sequence([*rows], batch_first=True, padding_value=value)
    mask = torch.arange(whole.shape[1]) < lengths[:, None]
    return whole, mask.long().to(whole.device)


def groups(lengths: Tensor) -> list[Tensor]:
    """Rows by length in `GROUPS` groups of equal size."""
    return [group for group in lengths.argsort(stable=True).tensor_split(GROUPS) if len(group)]
