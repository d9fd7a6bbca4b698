"""The form that starts a run: a recipe, a few dials, one button."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.links import choose
from app.visitor import name_field, visitor
from core.config import Settings
from core.errors import InputError
from core.text.corpus import open_corpus
from lab import jobs
from lab.figures.languages import language_style
from lab.figures.sentences import markdown_text
from lab.figures.tasks import STYLES
from lab.recipes import RECIPES, recipe, shortened
from lab.world import LANGUAGES

TASKS = {style.section: style.name for style in STYLES.values()}
"""Names of the tasks by their section of the settings."""


def start_form(is_first_run: bool) -> None:
    """Draws the dials and the button; `is_first_run` where there is no run yet and a newcomer needs only the button."""
    recipe_name = st.segmented_control(
        "Recipe", list(RECIPES), default="toy", required=True, key="recipe", bind="query-params"
    )
    settings = recipe(recipe_name or "toy")
    st.caption((RECIPES[recipe_name or "toy"].__doc__ or "").splitlines()[0])
    button = st.container()
    with st.expander("Dials", icon=":material/tune:", expanded=not is_first_run):
        flags = _dials(settings, recipe_name or "toy")
    if button.button(
        f"Start the {recipe_name} run", type="primary", icon=":material/play_arrow:", width="stretch"
    ):
        try:
            if "--corpus" in flags:
                # said at once: the process that starts needs seconds to find out
                open_corpus(Path(flags[flags.index("--corpus") + 1]))
            with st.spinner("Starting a process of its own, about ten seconds …"):
                choose("run", jobs.start(recipe_name or "toy", None, flags, visitor()).name)
        except InputError as error:
            st.error(markdown_text(str(error)), icon=":material/error:")
        else:
            st.rerun()


def _dials(settings: Settings, recipe_name: str) -> list[str]:
    """The dials that differ from the recipe, as flags of `lab train`."""
    tasks = st.pills(
        "Pretext tasks", list(TASKS), selection_mode="multi", default=list(settings.tasks),
        format_func=TASKS.__getitem__, key="tasks",
        help="Switch one off and see what is lost. Without XLCO nothing pulls translations together.",
    )  # fmt: skip
    folder = st.text_input("Corpus folder", key="corpus", placeholder="empty: the built-in world").strip()
    languages = list(settings.world.languages)
    if not folder:
        languages = st.multiselect(
            "Languages", LANGUAGES, default=languages, key=f"languages-{recipe_name}",
            format_func=lambda tag: f"{language_style(tag).name} ({tag})",
        )  # fmt: skip
    name_field()
    left, right = st.columns(2)
    steps = left.number_input(
        "Steps",
        1,
        None,
        settings.steps,
        step=10,
        key=f"steps-{recipe_name}",
        help="Optimizer steps. A warm-up that would outlast them becomes a tenth of them.",
    )
    seed = right.number_input(
        "Seed", 0, None, settings.seed, step=1, key=f"seed-{recipe_name}", help="Of weights, sampling, masks."
    )
    return flags_of(settings, tasks, folder, languages, int(steps), int(seed))


def flags_of(
    settings: Settings, tasks: Sequence[str], folder: str, languages: Sequence[str], steps: int, seed: int
) -> list[str]:
    """Flags of `lab train` that differ from the recipe's settings; languages count only without a folder."""
    changed = [task for task in TASKS if (task in tasks) != (task in settings.tasks)]
    flags = [f"--{task}.{'enabled' if task in tasks else 'no-enabled'}" for task in changed]
    if folder:
        flags += ["--corpus", folder]
    elif set(languages) != set(settings.world.languages):
        flags += ["--world.languages", *sorted(languages)]
        if settings.text.pivot not in languages:
            flags += ["--text.pivot", "None"]
    if steps != settings.steps:
        warmup = shortened(settings, steps).optimizer.warmup
        flags += ["--steps", str(steps)]
        flags += ["--optimizer.warmup", str(warmup)] if warmup != settings.optimizer.warmup else []
    if seed != settings.seed:
        flags += ["--seed", str(seed)]
    return flags
