"""Pretext tasks, one per file, and the registry of them."""

from typing import Any, Final

from torch import nn
from transformers import XLMRobertaForMaskedLM

from core.config import Settings
from core.model.infoxlm import InfoXLM
from core.objectives.dwa import DWA
from core.objectives.mmlm import MMLM
from core.objectives.outcome import Outcome
from core.objectives.task import AnyTask, Task, TaskBatch
from core.objectives.tlm import TLM
from core.objectives.weam import WEAM
from core.objectives.xlco import XLCO
from core.text.sampling import Pairs

TASKS: Final[dict[str, type[Task[Any]]]] = {task.section: task for task in (MMLM, TLM, XLCO, WEAM, DWA)}
"""The tasks by section, in the order in which gradients are added and dropout is drawn; new tasks come last."""


def build_model(language_model: XLMRobertaForMaskedLM, settings: Settings) -> InfoXLM:
    """Builds the model of a run: a language model with the modules of the tasks that are on.

    Raises:
        InputError: a task does not fit the language model.
    """
    sections = [section for section in TASKS if section in settings.tasks]
    owned = {section: TASKS[section](settings, language_model) for section in sections}
    return InfoXLM(language_model, settings, nn.ModuleDict(owned))


def needs_pairs(settings: Settings) -> bool:
    """Whether a task that is on reads translations."""
    return any(isinstance(TASKS[section].reads, Pairs) for section in settings.tasks)


def tasks_of(model: InfoXLM) -> dict[str, AnyTask]:
    """The tasks that a model is trained on by their keys, in the order of `TASKS`."""
    tasks = [task for task in model.tasks.values() if isinstance(task, Task)]
    return {task.key: task for task in tasks}


__all__ = ["TASKS", "AnyTask", "Outcome", "Task", "TaskBatch", "build_model", "needs_pairs", "tasks_of"]
