"""Sentence vectors of any encoder that transformers opens, through sentence-transformers.

A folder of sentence-transformers is read by its own modules; any hidden state can be pooled besides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from core.errors import InputError
from core.hub import checkpoint_file, describe_folder
from core.model.layout import checkpoint_config, tensor_shapes
from core.progress import Progress, no_progress
from lab.evaluate.foreign import OWN, module_folders
from lab.evaluate.vectors import model_device

BATCH: Final = 32
PIECE: Final = 1_024
"""Sentences between two reports of progress."""
TOKEN_POOLINGS: Final = {"cls": "first", "mean": "mean", "lasttoken": "last"}
"""Poolings of sentence-transformers that hidden states are pooled by too, and their names in the lab."""
TOKENIZERS: Final = (
    "tokenizer.json", "sentencepiece.bpe.model", "spiece.model", "tokenizer.model", "vocab.txt", "vocab.json",
)  # fmt: skip
"""Files of which a tokenizer needs one: without any, transformers would make an empty one."""
UNTRAINED: Final = ("pooler.", "lm_head.")
"""Parameters that no sentence vector reads, so that a checkpoint may lack them."""
FAILURES: Final = (
    OSError, SafetensorError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, ImportError,
)  # fmt: skip


@dataclass(frozen=True)
class LibraryEncoder:
    """An encoder as sentence-transformers holds it.

    Attributes:
        library: a `sentence_transformers.SentenceTransformer`.
        own_reading: hidden state and pooling of its own sentence vectors, or of the default where it defines none.
        token_pooling: of hidden states, where none is named.
    """

    library: Any
    own_reading: tuple[int, str]
    token_pooling: str

    @property
    def num_layers(self) -> int:
        """Number of layers."""
        return _num_layers(self.library[0].auto_model.config)

    def vectors(
        self,
        texts: Sequence[str],
        layers: Sequence[int],
        pooling: str,
        prompt: str = "",
        progress: Progress = no_progress,
    ) -> dict[int, np.ndarray]:
        """Sentence vectors, pooled by "mean", "first" or "last", or by the encoder's "own" modules.

        Raises:
            InputError: its own modules read the last hidden state, and another one was asked for.
        """
        if pooling == OWN and list(layers) != [self.num_layers]:
            raise InputError(
                f"the encoder's own modules read hidden state {self.num_layers}, got --layer {layers[0]}: name a "
                "--pooling of tokens, mean, first or last"
            )
        order = np.argsort([len(text) for text in texts], kind="stable")
        parts: list[dict[int, np.ndarray]] = []
        with torch.inference_mode():
            for begin in range(0, len(order), PIECE):
                piece = [texts[at] for at in order[begin : begin + PIECE]]
                parts.append(
                    self._own(piece, prompt)
                    if pooling == OWN
                    else self._states([prompt + text for text in piece], layers, pooling)
                )
                progress("encoding", begin + len(piece), len(texts))
        places = np.argsort(order)
        return {layer: np.concatenate([part[layer] for part in parts])[places] for layer in layers}

    def _own(self, texts: Sequence[str], prompt: str) -> dict[int, np.ndarray]:
        vectors = self.library.encode(
            list(texts), prompt=prompt or None, prompt_name=None, batch_size=BATCH, show_progress_bar=False
        )
        return {self.num_layers: np.asarray(vectors, dtype=np.float32)}

    def _states(self, texts: Sequence[str], layers: Sequence[int], pooling: str) -> dict[int, np.ndarray]:
        transformer, pooled = self.library[0], {layer: list[Tensor]() for layer in layers}
        for begin in range(0, len(texts), BATCH):
            features = transformer.preprocess(list(texts[begin : begin + BATCH]))
            inputs = {
                name: features[name].to(self.library.device)
                for name in ("input_ids", "attention_mask", "token_type_ids")
                if name in features
            }
            output = transformer.auto_model(**inputs, output_hidden_states=True)
            states = [*output.hidden_states[:-1], output.last_hidden_state]
            for layer, rows in pooled.items():
                rows.append(pool(states[layer], inputs["attention_mask"], pooling))
        return {layer: torch.cat(rows).float().cpu().numpy() for layer, rows in pooled.items()}


def pool(states: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """One vector per row, [rows, width], of the tokens that the mask shows.

    Args:
        states: [rows, tokens, width].
        mask: [rows, tokens], 1 where there is a token; padding may stand on either side.
        pooling: "mean" of the tokens, or their "first" or "last".

    Raises:
        InputError: there is no such pooling.
    """
    rows = torch.arange(len(states), device=states.device)
    if pooling == "mean":
        weights = mask[..., None].to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1)
    if pooling == "first":
        return states[rows, mask.argmax(1)]
    if pooling == "last":
        return states[rows, mask.shape[1] - 1 - mask.flip(1).argmax(1)]
    raise InputError(f"expected a --pooling of mean, first, last or {OWN}, got {pooling!r}")


def open_library_encoder(start: str) -> LibraryEncoder:
    """Opens a checkpoint with sentence-transformers; code of the checkpoint is never run, pickled weights never read.

    Raises:
        InputError: it cannot be found or opened, its weights are pickled or of another architecture, or its tokenizer
            has more tokens than its embeddings.
    """
    config, held = checkpoint_config(start), set(tensor_shapes(start))
    folders = module_folders(start)
    for kind, folder in folders.items():
        pickled = folder and checkpoint_file(start, f"{folder}/pytorch_model.bin")
        if pickled and checkpoint_file(start, f"{folder}/model.safetensors") is None:
            raise InputError(
                f"the module {kind} of {start!r} has pickled weights, which are never read: open the model where you "
                "trust it, and save it to a new folder, which writes safetensors"
            )
    if not any(checkpoint_file(start, name) for name in TOKENIZERS):
        raise InputError(
            f"expected a tokenizer ({', '.join(TOKENIZERS)}) in {start!r}, got none: put that of its base model there"
        )
    library = _opened(start, bool(folders), config)
    transformer = library[0]
    _check_weights(start, transformer.auto_model, held)
    rows = transformer.auto_model.get_input_embeddings().weight.shape[0]
    if len(transformer.tokenizer) > rows:
        raise InputError(
            f"{start!r} has embeddings for {rows:,} tokens, but its tokenizer has {len(transformer.tokenizer):,}: put "
            "the tokenizer of its base model there"
        )
    longest = _longest_input(transformer.auto_model)
    if longest and (library.max_seq_length is None or library.max_seq_length > longest):
        library.max_seq_length = longest
    layers = _num_layers(transformer.auto_model.config)
    modes = getattr(library[1], "pooling_mode", "mean") if len(library) > 1 else "mean"
    token_pooling = TOKEN_POOLINGS.get(modes if isinstance(modes, str) else "", "mean")
    default = (layers, token_pooling) if _decodes(config) else (max(1, layers * 2 // 3), "mean")
    return LibraryEncoder(library, (layers, OWN) if folders else default, token_pooling)


def _opened(start: str, own_modules: bool, config: dict[str, Any]) -> Any:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    weights = {"use_safetensors": True, "dtype": torch.float32}
    try:
        if own_modules:
            library = SentenceTransformer(
                start, device=str(model_device()), trust_remote_code=False, model_kwargs=weights
            )
        else:
            transformer = Transformer(start, model_kwargs={**weights, "trust_remote_code": False})
            pooling = Pooling(
                transformer.get_embedding_dimension(), "lasttoken" if _decodes(config) else "mean"
            )
            library = SentenceTransformer(modules=[transformer, pooling], device=str(model_device()))
        if not hasattr(library[0], "auto_model"):
            raise ValueError("its first module is no transformer")
    except FAILURES as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(
            f"{start!r} cannot be opened as an encoder: {reason}; it {describe_folder(start)}"
        ) from error
    return library.eval()


def _check_weights(start: str, model: Any, held: set[str]) -> None:
    """Refuses weights of another architecture, for which transformers would draw random numbers."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    ends = {end for name in held for end in _ends(name)}
    for aliases in names.values():
        if not any(name in ends or name.startswith(UNTRAINED) for name in aliases):
            raise InputError(
                f"{start!r} holds no whole {model.config.model_type} encoder: {aliases[0]} is missing, so its weights "
                "are of another architecture than its config.json"
            )


def _ends(name: str) -> Iterator[str]:
    """A tensor's name without any of its first parts, also as older files spell it.

    >>> list(_ends("bert.LayerNorm.gamma"))
    ['bert.LayerNorm.weight', 'LayerNorm.weight', 'weight']
    """
    parts = (
        name.replace("LayerNorm.gamma", "LayerNorm.weight")
        .replace("LayerNorm.beta", "LayerNorm.bias")
        .split(".")
    )
    yield from (".".join(parts[begin:]) for begin in range(len(parts)))


def _num_layers(config: Any) -> int:
    return int(config.get_text_config().num_hidden_layers)


def _decodes(config: dict[str, Any]) -> bool:
    """Whether a config is that of a language model that reads from left to right, whose last token has seen all."""
    return any(str(name).endswith("ForCausalLM") for name in config.get("architectures") or ())


def _longest_input(model: Any) -> int | None:
    """Tokens that the learned positions of a model have room for; None where it has none."""
    positions = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    if not isinstance(positions, torch.nn.Embedding):
        return None
    padding = positions.padding_idx
    return positions.num_embeddings - (0 if padding is None else padding + 1)
