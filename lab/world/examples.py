"""Random sentences of every language with their English meaning, for a speaker to judge.

`python -m lab.world.examples` prints the end of docs/world.md.
"""

import numpy as np

from lab.world.facts import Facts, role_relations
from lab.world.language import LANGUAGES, load_language
from lab.world.verbaliser import Verbaliser

PER_LANGUAGE = 12
MARK = "<!-- below: python -m lab.world.examples -->"


def examples(language: str, count: int = PER_LANGUAGE, seed: int = 0) -> list[tuple[str, str]]:
    """Random sentences of a language in random wordings, each with the same fact in plain English."""
    facts = Facts.load()
    rng = np.random.default_rng([seed, *language.encode()])
    # relations in turn, so that a dozen sentences show a dozen templates
    rows = np.resize(rng.permutation(len(facts.relations)), count)
    meanings = rng.integers(facts.offsets[rows], facts.offsets[rows + 1])
    sentences = Verbaliser(load_language(language), facts, paraphrases=True).texts(
        [meanings], rng.random((count, 1))
    )
    english = Verbaliser(load_language("en"), facts).texts([meanings], np.zeros((count, 1)))
    return list(zip(sentences.tolist(), english.tolist(), strict=True))


def role_examples(language: str, seed: int = 0) -> list[tuple[str, str]]:
    """A random fact of each role relation in both wordings, which name the two people in opposite order."""
    facts = Facts.load(names=tuple(role_relations()))
    rng = np.random.default_rng([seed, *language.encode()])
    meanings = np.repeat(rng.integers(facts.offsets[:-1], facts.offsets[1:]), 2)
    wordings = np.tile([0.25, 0.75], len(facts.relations))[:, None]
    sentences = Verbaliser(load_language(language), facts, paraphrases=True).texts([meanings], wordings)
    english = Verbaliser(load_language("en"), facts).texts([meanings], np.zeros((len(meanings), 1)))
    return list(zip(sentences.tolist(), english.tolist(), strict=True))


def examples_table() -> str:
    """A table of examples for each language, role facts last."""
    parts = []
    for tag in LANGUAGES:
        language = load_language(tag)
        lines = [
            f"### {language.english_name} ({language.name}, `{tag}`)",
            "",
            "| sentence | meaning |",
            "|---|---|",
        ]
        # a sentence in a right-to-left script keeps its final mark at its end
        rows = (
            f'| <span dir="auto">{text}</span> | {english} |'
            for text, english in [*examples(tag), *role_examples(tag)]
        )
        parts.append("\n".join([*lines, *rows]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(examples_table(), end="")
