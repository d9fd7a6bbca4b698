"""The model of a run as its newest checkpoint holds it, whatever training does meanwhile."""

from dataclasses import dataclass

from core.checkpoint import open_model, read_progress
from core.model.infoxlm import InfoXLM
from core.text.tokenizer import Tokenizer, load_tokenizer
from lab.store import Run


@dataclass(frozen=True)
class TrainedModel:
    """A model with its tokenizer, and after how many steps they were written."""

    model: InfoXLM
    tokenizer: Tokenizer
    step: int


def trained_model(run: Run) -> TrainedModel:
    """Opens the newest checkpoint of a run.

    Raises:
        InputError: there is none yet, or it cannot be read.
    """
    settings = run.info.settings
    return run.read_checkpoint(
        lambda folder: TrainedModel(
            open_model(folder, settings), load_tokenizer(folder), read_progress(folder).step
        )
    )
