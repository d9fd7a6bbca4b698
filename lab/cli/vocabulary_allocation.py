"""`lab vocabulary --allocate --corpus C --size N --out FOLDER`: a vocabulary shared among languages."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import ValidationError

from core.errors import InputError
from lab import store
from lab.cli import explain
from lab.cli.console import bars, out, table

if TYPE_CHECKING:
    from core.text.corpus import Corpus

LANGUAGES_SHOWN: Final = 40
DEFAULT_SIZE: Final = 8_000
PAGE_BETAS: Final = (0.0, 0.3, 0.5, 0.7, 1.0)
"""Exponents among which the page Vocabulary lets people choose."""


@dataclass(frozen=True)
class Command:
    """Trains a unigram vocabulary and shares it among languages: VoCap (Zheng et al. 2021), an equal share, or jointly.

    Monolingual vocabularies of many sizes are scored by ALP, in nats per line. The next pieces go to the language that
    gains most by each of them, weighted with q^beta, until their union is full; pieces of several languages count once.
    The union is scored as the mixture of the monolingual models. `lab train ... --tokenizer.folder FOLDER` trains with
    it; `lab train ... --tokenizer.allocation vocap` does both.
    """

    corpus: Path | None = None
    """Text to train on."""
    out: Path | None = None
    """Folder that gets tokenizer.json, and allocation.json with all curves."""
    run: str | None = None
    """Instead of both: a run, on whose text it is done; the run keeps the curves for the page Vocabulary, and goes on
    with the vocabulary that it has."""
    size: int | None = None
    """Tokens, the five special ones included; default: 8,000, or those of the run."""
    allocation: Literal["vocap", "equal", "joint"] = "vocap"
    """vocap: by gain. equal: every language the same number of pieces. joint: one model trained on all text."""
    alpha: float = 0.7
    """Languages weigh q ~ sentences^alpha before beta (released: 0.7)."""
    beta: float = 0.7
    """Gains are weighted with q^beta; 0 weighs all languages alike (released: 0.7)."""
    step: int | None = None
    """Pieces between two sizes that are tried for a language; default: a fifth of an even share."""
    sizes: int = 50
    """So many sizes of each language are tried (released: 50)."""
    gain: Literal["line", "character"] = "line"
    """ALP per line (released) gives more to languages with longer lines; per character it does not."""
    sentences: int = 100_000
    """Read to train it, an equal part of each language."""
    train_each_size: bool = False
    """Train every size of every language anew (released), instead of pruning the largest: five to ten times slower."""
    no_bytes: bool = False
    """Leave out the 256 tokens for bytes of characters that have none, beyond --size; they are <unk> then."""
    processes: int | None = None
    """Languages at once; default: as many as there are processors."""
    overwrite: bool = False
    """Replace the folder if it exists."""

    def __call__(self) -> dict[str, Any]:
        from core.files import whole_folder
        from core.text.vocabulary.build import build_vocabulary
        from lab.text import write_vocabulary

        if self.processes is not None and self.processes < 1:
            raise InputError(f"expected --processes from 1, got {self.processes}")
        run, corpus = self._opened()
        size = self.size or (run.info.settings.tokenizer.vocabulary if run else DEFAULT_SIZE)
        settings = self._settings(size)
        with bars() as report:
            built = build_vocabulary(
                corpus,
                settings,
                not self.no_bytes,
                report,
                self.processes,
                sorted({*PAGE_BETAS, self.beta}) if run is not None else (),
            )
        document = {
            "sentences": corpus.info.languages,
            "gain": self.gain,
            "beta": self.beta,
            **built.document(),
        }
        if run is not None:
            run.write_document("allocation", document)
        if self.out is not None:
            with (
                store.report_full_disk(self.out),
                whole_folder(self.out, lambda _: self.overwrite) as partial,
            ):
                write_vocabulary(built, partial)
        return {"folder": None if self.out is None else str(self.out), **document}

    def _opened(self) -> "tuple[store.Run | None, Corpus]":
        """The run, if one is named, and the text."""
        from core.text.corpus import open_corpus
        from lab.text import corpus_of

        if self.run is not None and self.corpus is not None:
            raise InputError("a run has text of its own: leave --corpus or --run out")
        if self.run is None and (self.corpus is None or self.out is None):
            raise InputError("expected --corpus FOLDER and --out FOLDER, or --run NAME")
        if self.out is not None and self.out.exists() and not self.overwrite:
            raise InputError(f"{self.out} exists already: choose another folder or add --overwrite")
        if self.run is not None and self.allocation == "joint":
            raise InputError(
                "a joint vocabulary has no curves to keep in a run: leave --allocation or --run out"
            )
        run = None if self.run is None else store.open_run(self.run)
        return (run, corpus_of(run)) if run is not None else (None, open_corpus(self.corpus or Path()))

    def _settings(self, size: int) -> Any:
        from core.vocabulary_settings import TokenizerSettings

        try:
            return TokenizerSettings(
                vocabulary=size,
                sentences=self.sentences,
                allocation=self.allocation,
                algorithm="unigram",
                alpha=self.alpha,
                beta=self.beta,
                step=self.step,
                sizes=self.sizes,
                gain=self.gain,
                train_each_size=self.train_each_size,
            )
        except ValidationError as error:
            raise InputError(explain(error).replace("vocabulary:", "--size:", 1)) from error

    def show(self, document: dict[str, Any]) -> None:
        if document["allocation"]:
            _show_languages(document)
            _show_infeasible(document)
        price = document.get("price")
        words = f"{document['vocabulary']:,} tokens with their special ones and bytes"
        if price is not None:
            words += f"; the last piece gained {price:.2g} weighted nats a {self.gain}"
        if document.get("shared_pieces"):
            words += f"; languages share {document['shared_pieces']:,} places"
        out.print(words)
        if self.out is not None:
            out.print(f"measure it: lab vocabulary {self.out} --corpus {self.corpus or 'FOLDER'}")


def _show_languages(document: Mapping[str, Any]) -> None:
    """What each language has got, the largest first."""
    sizes = sorted(document["allocation"].items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [
        (tag, f"{size:,}", f"{document['weights'][tag]:.3f}", f"{_alp(document, tag, size):.1f}",
         f"{document['sentences'][tag]:,}", "largest" if tag in document["exhausted"] else "")
        for tag, size in sizes[:LANGUAGES_SHOWN]
    ]  # fmt: skip
    title = "pieces of each language"
    if len(sizes) > len(rows):
        title += f": the {len(rows)} with most of {len(sizes):,}"
    table(title, ("language", "pieces", "weight", "ALP, nats a line", "sentences", "of its sizes"), rows)


def _alp(document: Mapping[str, Any], tag: str, size: int) -> float:
    curve = document["curves"][tag]
    return curve["alp"][list(curve["sizes"]).index(size)]


def _show_infeasible(document: Mapping[str, Any]) -> None:
    """A line for each language and reason that sizes of it cannot be had."""
    for tag, curve in document["curves"].items():
        for reason, count in Counter(curve["infeasible"].values()).items():
            sizes = [int(size) for size, why in curve["infeasible"].items() if why == reason]
            span = f"{min(sizes):,} to {max(sizes):,}" if count > 1 else f"{sizes[0]:,}"
            out.print(f"{tag}: no vocabulary of {span} pieces, since {reason}")
