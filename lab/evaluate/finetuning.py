"""An encoder with a linear classifier on top, trained together for a few epochs."""

import copy
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from core.model.encoder import hidden_states, pack, pool
from core.model.infoxlm import InfoXLM
from core.progress import Progress
from core.text.batches import unmasked
from core.text.tokenizer import Tokenizer

EPOCHS: Final = 3
BATCH: Final = 32
WARMUP: Final = 0.1
"""Share of the steps over which the learning rate rises."""


class Classifier(nn.Module):
    """Pooled hidden state to one score per class."""

    def __init__(self, model: InfoXLM, classes: int, layer: int, pooling: str) -> None:
        super().__init__()
        self.encoder, self.layer, self.pooling = copy.deepcopy(model.encoder), layer, pooling
        self.longest = model.settings.model.max_tokens
        self.scores = nn.Linear(self.encoder.config.hidden_size, classes)

    def forward(self, rows: Sequence[np.ndarray]) -> Tensor:
        """Scores, [sentences, classes]."""
        device = self.scores.weight.device
        sequences = unmasked(list(rows), self.longest).to(device)
        packing = pack(sequences.lengths, device)
        *_, state = hidden_states(self.encoder, sequences, packing, self.layer)
        return self.scores(pool(state, packing, self.pooling))


def fine_tuned(
    model: InfoXLM,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    labels: np.ndarray,
    layer: int,
    pooling: str,
    learning_rate: float,
    seed: int,
    progress: Progress,
) -> Callable[[Sequence[str]], np.ndarray]:
    """A copy of the encoder trained with a classifier; returns what gives texts their labels.

    AdamW, linear warm-up and decay, three epochs in batches of 32 (Devlin et al. 2019). The model stays as it is.
    """
    classes, wanted = np.unique(labels, return_inverse=True)
    torch.manual_seed(seed)
    device = next(model.parameters()).device
    classifier = Classifier(model, len(classes), layer, pooling).to(device).train()
    rows = tokenizer.encode(texts, classifier.longest)
    targets = torch.from_numpy(wanted).to(device)
    order = np.concatenate([np.random.default_rng([seed, at]).permutation(len(rows)) for at in range(EPOCHS)])
    batches = [order[begin : begin + BATCH] for begin in range(0, len(order), BATCH)]
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=learning_rate, weight_decay=0.01)
    rising = max(1, int(WARMUP * len(batches)))
    for step, at in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * min(step / rising, (len(batches) - step + 1) / len(batches))
        loss = cross_entropy(classifier([rows[i] for i in at]), targets[torch.from_numpy(at).to(device)])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
        optimizer.step()
        progress("fine-tuning", step, len(batches))
    classifier.eval()

    @torch.no_grad()
    def predict(queries: Sequence[str]) -> np.ndarray:
        read = tokenizer.encode(queries, classifier.longest)
        parts = [read[begin : begin + 256] for begin in range(0, len(read), 256)]
        return classes[torch.cat([classifier(part).argmax(1) for part in parts]).cpu().numpy()]

    return predict
