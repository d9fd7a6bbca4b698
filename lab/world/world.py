"""The world: facts told in several languages, with exact information."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from core.errors import InputError
from lab.world import chance, critic, information
from lab.world.distribution import DISTRIBUTIONS, Distribution
from lab.world.facts import FOLDER, Facts
from lab.world.language import LANGUAGES, load_language
from lab.world.slots import SlotSpan, slot_spans
from lab.world.verbaliser import Verbaliser

CHUNK = 8192


class World:
    """A source of parallel sentences with exactly known information; `World.load` makes it."""

    def __init__(self, **settings) -> None:
        self.settings: dict = settings
        self.languages: tuple[str, ...] = tuple(settings["languages"])
        self.num_facts: int = settings["facts"]
        self.facts = Facts.load(settings["size"], settings["relations"])
        zipf = settings["distribution"] == "zipf"
        self.distribution = Distribution.zipf(self.facts, settings["zipf_exponent"] if zipf else 0.0)
        self.verbalisers = {
            tag: Verbaliser(load_language(tag), self.facts, settings["ambiguity"], settings["paraphrases"])
            for tag in self.languages
        }

    @classmethod
    def load(
        cls,
        languages: Sequence[str] = ("en", "fr"),
        facts: int = 1,
        distribution: str = "uniform",
        zipf_exponent: float = 1.0,
        noise: float = 0.0,
        ambiguity: float = 0.0,
        paraphrases: bool = False,
        size: str = "full",
        relations: Sequence[str] | None = None,
    ) -> "World":
        """Makes a world.

        Args:
            languages: distinct tags out of `LANGUAGES`, at least one.
            facts: facts told by a sentence, 1 or 2; two facts are drawn independently.
            distribution: "uniform" over meanings, or "zipf": weight rank^-zipf_exponent for every slot filler.
            zipf_exponent: exponent of the Zipf distribution.
            noise: probability that a pair of sentences is mistranslated. Each language is corrupted alone with
                probability 1 - sqrt(1 - noise): its sentence then tells a newly drawn meaning. So all pairs of
                languages have the same channel: right with probability 1 - noise, else two independent draws.
            ambiguity: share of the entities of every type that are merged with a neighbour, others in each language.
            paraphrases: whether a sentence picks a template at random instead of the first template.
            size: "full", or "small" with three entities of each type.
            relations: names of the relations; None for all except role relations.

        Raises:
            InputError: a value is out of range.
        """
        _check_choice("facts", facts, (1, 2))
        _check_choice("distribution", distribution, DISTRIBUTIONS)
        _check_range("zipf_exponent", zipf_exponent, 0.0, 10.0)
        _check_range("noise", noise, 0.0, 1.0)
        _check_range("ambiguity", ambiguity, 0.0, 1.0)
        tags = list(languages)
        if not tags or len(set(tags)) < len(tags) or not set(tags) <= set(LANGUAGES):
            raise InputError(f"languages must be distinct tags out of {', '.join(LANGUAGES)}, not {tags}")
        return cls(languages=tags, facts=facts, distribution=distribution, zipf_exponent=float(zipf_exponent),
                   noise=float(noise), ambiguity=float(ambiguity), paraphrases=bool(paraphrases), size=size,
                   relations=None if relations is None else list(relations))  # fmt: skip

    @property
    def num_meanings(self) -> int:
        return self.facts.total**self.num_facts

    @property
    def entropy_nats(self) -> float:
        """H(meaning) in nats, exact under the distribution."""
        return self.num_facts * self.distribution.entropy_nats

    @cached_property
    def information_nats(self) -> float:
        """I(sentence; translation) in nats, exact under the dials; the mean over the pairs of languages.

        Pairs of languages differ only with `ambiguity`. A single language counts as its own translation.
        """
        tags = self.languages
        pairs = [(a, b) for i, a in enumerate(tags) for b in tags[i + 1 :]] or [(tags[0], tags[0])]
        if not self.settings["ambiguity"]:
            pairs = pairs[:1]
        return float(np.mean([self.information_between(a, b) for a, b in pairs]))

    def information_between(self, source: str, target: str) -> float:
        """I(sentence in `source`; its translation in `target`) in nats, exact."""
        merged = [self._verbaliser(tag).merged for tag in (source, target)]
        return information.between(
            self.distribution, self.facts, merged[0], merged[1], self.settings["noise"], self.num_facts
        )

    def attainable_between(
        self, source: str, target: str, candidates: Sequence[int], seed: int = 0
    ) -> list[critic.Attainable]:
        """Largest possible InfoNCE in nats for each number of candidates, which are independent draws; see `critic`."""
        merged = [self._verbaliser(tag).merged for tag in (source, target)]
        dials = self.settings["noise"], self.num_facts
        return critic.attainable(self.distribution, self.facts, *merged, *dials, candidates, seed)

    def draw(self, count: int, seed: int, without_replacement: bool = True) -> np.ndarray:
        """Draws meaning numbers (count,) from the distribution, as a function of the seed.

        Without replacement, each meaning is drawn from the meanings that are left, in proportion to probability.

        Raises:
            InputError: the world has fewer distinct meanings.
        """
        if count < 0 or (without_replacement and count > self.num_meanings):
            raise InputError(f"this world has {self.num_meanings} meanings, {count} cannot be drawn from it")
        if not without_replacement:
            return self._drawn(np.arange(count), seed)
        if self.num_facts == 1:
            return self._draw_distinct(count, seed)
        return self._draw_by_rejection(count, seed)

    def _draw_distinct(self, count: int, seed: int) -> np.ndarray:
        """Draws by Gumbel top-k: sorting log p + Gumbel noise equals sequential drawing without replacement."""
        p = np.concatenate([self.distribution.probabilities(row) for row in range(len(self.facts.relations))])
        keys = np.log(p) + np.random.default_rng(seed).gumbel(size=len(p))
        best = np.argpartition(-keys, count - 1)[:count] if 0 < count < len(p) else np.arange(len(p))[:count]
        return best[np.argsort(-keys[best])].astype(np.int64)

    def _draw_by_rejection(self, count: int, seed: int) -> np.ndarray:
        """Draws meanings of two facts, which are too many to list, and drops repeats until there are enough."""
        distinct = np.empty(0, dtype=np.int64)
        tried = 0
        while len(distinct) < count:
            if tried > 50 * (count + 1000):
                raise InputError(
                    f"{count} distinct meanings take too long to find in so skewed a world; ask for fewer"
                )
            batch = np.arange(tried, tried + 2 * (count - len(distinct)) + 100)
            tried += len(batch)
            both = np.concatenate([distinct, self._drawn(batch, seed)])
            distinct = both[np.sort(np.unique(both, return_index=True)[1])]
        return distinct[:count]

    def _drawn(self, keys: np.ndarray, seed: int, purpose: str = "draw") -> np.ndarray:
        """An independent meaning for each key."""
        width = 1 + self.facts.sizes.shape[1]
        u = chance.uniforms(seed, purpose, keys, width=width * self.num_facts)
        parts = [
            self.distribution.sample(u[:, i * width : (i + 1) * width], self.facts)
            for i in range(self.num_facts)
        ]
        return parts[0] if self.num_facts == 1 else parts[0] * self.facts.total + parts[1]

    def sentence(self, meaning: int, language: str, rng: np.random.Generator | None = None) -> str:
        """The sentence that tells a meaning in a language, without noise; with `rng`, in a random paraphrase."""
        choice = np.zeros((1, self.num_facts)) if rng is None else rng.random((1, self.num_facts))
        return str(self.texts(np.array([meaning]), language, choice)[0])

    def slot_spans(self, meaning: int, language: str) -> list[SlotSpan]:
        """Which characters of `sentence(meaning, language)` tell which slot."""
        facts = [int(part[0]) for part in self._split(np.array([meaning]))]
        return slot_spans(self._verbaliser(language), facts)

    def texts(self, meanings: np.ndarray, language: str, wording: np.ndarray) -> np.ndarray:
        """Sentences of a language for meanings (n,), without noise; `wording` (n, facts) in [0, 1) picks templates."""
        return self._verbaliser(language).texts(self._split(np.asarray(meanings, dtype=np.int64)), wording)

    def rows(self, meanings: np.ndarray | Sequence[int], seed: int = 0) -> Iterator[tuple[int, str, str]]:
        """Yields (meaning, language, text) for every meaning in every language.

        Mistranslations and paraphrases are a function of the seed, the position and the meaning.
        """
        meanings = np.asarray(meanings, dtype=np.int64)
        for start in range(0, len(meanings), CHUNK):
            chunk = meanings[start : start + CHUNK]
            keys = (np.arange(start, start + len(chunk)), chunk)
            columns = [self._texts(tag, keys, seed).tolist() for tag in self.languages]
            for meaning, *texts in zip(chunk.tolist(), *columns, strict=True):
                for tag, text in zip(self.languages, texts, strict=True):
                    yield meaning, tag, text

    def meanings_told(self, meanings: np.ndarray, language: str, seed: int = 0) -> np.ndarray:
        """The meanings that the sentences of `rows` tell in a language: `meanings` with noise."""
        meanings = np.asarray(meanings, dtype=np.int64)
        return self._meanings_told((np.arange(len(meanings)), meanings), language, seed)

    def _meanings_told(self, keys: tuple[np.ndarray, np.ndarray], language: str, seed: int) -> np.ndarray:
        corrupted = 1 - np.sqrt(1 - self.settings["noise"])
        wrong = chance.uniforms(seed, f"noise {language}", *keys)[:, 0] < corrupted
        if not wrong.any():
            return keys[1]
        mixed = chance.uniforms(seed, f"draw {language}", *keys)[:, 0] * 2.0**53
        return np.where(wrong, self._drawn(mixed.astype(np.int64), seed, f"draw {language}"), keys[1])

    def _texts(self, tag: str, keys: tuple[np.ndarray, np.ndarray], seed: int) -> np.ndarray:
        choice = chance.uniforms(seed, f"paraphrase {tag}", *keys, width=self.num_facts)
        return self._verbaliser(tag).texts(self._split(self._meanings_told(keys, tag, seed)), choice)

    def _split(self, meanings: np.ndarray) -> list[np.ndarray]:
        if len(meanings) and not (meanings.min() >= 0 and meanings.max() < self.num_meanings):
            raise InputError(f"meanings are numbered 0 to {self.num_meanings - 1}; got {meanings.max()}")
        return [meanings] if self.num_facts == 1 else list(np.divmod(meanings, self.facts.total))

    def exchanged(self, meanings: np.ndarray) -> np.ndarray:
        """The meanings with the two people of every role fact exchanged (see `Facts.exchanged`)."""
        parts = [self.facts.exchanged(part) for part in self._split(np.asarray(meanings, dtype=np.int64))]
        return parts[0] if self.num_facts == 1 else parts[0] * self.facts.total + parts[1]

    def _verbaliser(self, language: str) -> Verbaliser:
        if language not in self.verbalisers:
            raise InputError(f"this world speaks {', '.join(self.languages)}, not {language!r}")
        return self.verbalisers[language]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the settings and the data files that this world was made from."""
        digest = hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode())
        for path in [
            FOLDER / "facts.toml",
            *(FOLDER / "languages" / f"{tag}.toml" for tag in self.languages),
        ]:
            digest.update(path.read_bytes())
        return digest.hexdigest()


def _check_choice(name: str, value: object, allowed: tuple) -> None:
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(map(str, allowed))}, not {value!r}")


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} must lie between {low} and {high}, not {value!r}")
