"""The critics on top of the encoder: the vocabulary at masked positions, and the linear map of the contrast."""

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaLMHead

from core.model.vocabulary import candidate_cross_entropy, linear_cross_entropy

CHUNK_LOGITS = 2**26
"""Most logits held at once: 256 MiB in float32. Each chunk reads and writes the embedding matrix once more: with a
quarter of this, XLM-R's 250,002 tokens take twice the time on a CPU."""


def token_losses(
    head: XLMRobertaLMHead,
    states: Float[Tensor, "masked hidden"],
    targets: Int[Tensor, " masked"],
    candidates: Int[Tensor, " candidates"] | None = None,
) -> Float[Tensor, " masked"]:
    """Cross-entropy in nats of each masked token over the whole vocabulary, or among `candidates`.

    Logits are computed for the masked positions only, and at most `CHUNK_LOGITS` of them are held at once.

    Args:
        head: the vocabulary head.
        states: top hidden states at the masked positions.
        targets: true ids.
    """
    decoder = head.decoder
    features = head.layer_norm(gelu(head.dense(states)))
    if candidates is not None:
        rows = max(1, CHUNK_LOGITS // len(candidates))
        return candidate_cross_entropy(features, decoder.weight, decoder.bias, targets, candidates, rows)
    return linear_cross_entropy(
        features, decoder.weight, decoder.bias, targets, max(1, CHUNK_LOGITS // decoder.out_features)
    )


def contrast_head(hidden: int) -> nn.Linear:
    """A bias-free linear map shared by all languages, with weights from N(0, 0.02) (released)."""
    head = nn.Linear(hidden, hidden, bias=False)
    nn.init.normal_(head.weight, std=0.02)
    return head
