"""`lab world`: writes a corpus with exactly known information; `lab world check LANGUAGE` checks a language file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.config import WorldSettings
from core.errors import InputError
from core.text.corpus import write_corpus
from lab import store
from lab.cli import parse as parse_words
from lab.cli.console import out, progress, table
from lab.world import LANGUAGES, World


@dataclass(frozen=True)
class Command:
    """Writes a corpus from the built-in world and prints its exact information in nats."""

    out: Path
    """Folder to write the corpus into."""
    languages: tuple[str, ...] = tuple(LANGUAGES)
    """Language tags."""
    meanings: int = 1_000
    """Distinct meanings; each becomes one sentence per language."""
    facts: Literal[1, 2] = 1
    """Facts told by one sentence."""
    distribution: Literal["uniform", "zipf"] = "uniform"
    """Distribution over meanings."""
    zipf_exponent: float = 1.0
    """Exponent of the Zipf distribution."""
    noise: float = 0.0
    """Probability that a pair is mistranslated."""
    ambiguity: float = 0.0
    """Share of words merged with a neighbour."""
    paraphrases: bool = False
    """Draw among the templates of a relation instead of the first."""
    relations: tuple[str, ...] | None = None
    """Relations told; default: all but the role facts transfer, comparison, negation and coreference, in which only
    order, case or agreement says who is which."""
    seed: int = 1
    """Seed of the drawn meanings, mistranslations and paraphrases."""
    overwrite: bool = False
    """Replace the folder if it exists."""

    def __call__(self) -> dict[str, Any]:
        settings = WorldSettings(
            languages=self.languages,
            meanings=self.meanings,
            facts=self.facts,
            distribution=self.distribution,
            zipf_exponent=self.zipf_exponent,
            noise=self.noise,
            ambiguity=self.ambiguity,
            paraphrases=self.paraphrases,
            relations=self.relations,
        )
        world = World.load(**settings.model_dump(exclude={"meanings"}))
        if self.meanings > world.num_meanings:
            raise InputError(
                f"the world has {world.num_meanings:,} meanings, got --meanings {self.meanings:,}: ask for fewer"
            )
        rows = world.rows(world.draw(self.meanings, self.seed), self.seed)
        described = {
            **world.settings,
            "entropy_nats": world.entropy_nats,
            "information_nats": world.information_nats,
        }
        with store.report_full_disk(self.out), progress() as bar:
            task = bar.add_task("writing", total=self.meanings * len(self.languages), detail="sentences")
            counted = (bar.advance(task) or row for row in rows)
            corpus = write_corpus(
                counted,
                self.out,
                source="the built-in world",
                licence="MIT",
                world=described,
                overwrite=self.overwrite,
            )
        info = corpus.info
        return {
            "folder": str(self.out),
            "sentences": info.sentences,
            "meanings": info.meanings,
            "languages": info.languages,
            "rejected": 0,
            "entropy_nats": world.entropy_nats,
            "information_nats": world.information_nats,
            "possible_meanings": world.num_meanings,
        }

    def show(self, document: dict[str, Any]) -> None:
        rows = [
            ("folder", document["folder"]),
            ("sentences", f"{document['sentences']:,}"),
            ("meanings", f"{document['meanings']:,} of {document['possible_meanings']:,}"),
            ("languages", " ".join(document["languages"])),
            ("H(meaning)", f"{document['entropy_nats']:.4f} nats, exact"),
            ("I(sentence; translation)", f"{document['information_nats']:.4f} nats, exact"),
        ]
        table("", ("", ""), rows)


@dataclass(frozen=True)
class CheckCommand:
    """Reads a language file of the world and reports missing words, missing forms and ambiguous sentences."""

    language: str
    """Tag of a language of the world, or a file that is to become one (`pt.toml`)."""

    def __call__(self) -> dict[str, Any]:
        from lab.world.check import check

        problems = check(Path(self.language) if self.language.endswith(".toml") else self.language)
        if problems:
            raise InputError(f"{len(problems)} problems in {self.language}:\n" + "\n".join(problems))
        return {"language": self.language, "problems": []}

    def show(self, document: dict[str, Any]) -> None:
        out.print(f"{document['language']}: no missing words, no missing forms, no ambiguous sentences")


def parse(words: list[str]) -> Command | CheckCommand:
    """Parses `check LANGUAGE`, or the arguments of a corpus."""
    if words[:1] == ["check"]:
        if len(words) != 2:
            raise InputError(f"expected lab world check LANGUAGE, got {' '.join(words)}")
        return CheckCommand(words[1])
    return parse_words(Command, "lab world", words)
