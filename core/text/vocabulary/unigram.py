"""Unigram vocabularies (Kudo 2018) of one text: trained by SentencePiece, and pruned to smaller ones."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import sentencepiece
from tokenizers import Tokenizer as Backend
from tokenizers import models

from core.errors import InputError
from core.text.arrays import IntArray
from core.text.tokenizer import LONGEST_TOKEN, NEVER
from core.text.vocabulary.words import Words

COVERAGE: Final = 0.9995
"""Share of the characters of a text that are pieces themselves, the most frequent first (released)."""
UNSEEN: Final = 0.1
"""Count that a piece is scored with which no word is cut into."""
SHRINKING: Final = 0.8
"""A vocabulary is pruned to at most this share of itself before all words are cut anew."""
LONGEST_WORD_BYTES: Final = 1_000_000
UNKNOWN: Final = "<unk>"


@dataclass(frozen=True)
class CountedPieces:
    """A vocabulary with what a text uses of it.

    Attributes:
        pieces: without `<unk>`.
        counts: how often each is used.
        unknown: how often a character without a piece is met.
    """

    pieces: tuple[str, ...]
    counts: IntArray
    unknown: int


def train_unigram(words: Words, size: int) -> dict[str, float]:
    """Trains at most `size` pieces and returns them with their log probabilities in nats.

    Fewer where the text yields no more. Single characters come first as SentencePiece orders pieces, by score.

    Raises:
        InputError: the size has no room for the characters of the text, or there are no words.
    """
    if not words.words:
        raise InputError(
            "expected words to train a vocabulary on, got an empty text: add text or leave the language out"
        )
    model: Any = io.BytesIO()
    rows = (f"{word}\t{count}" for word, count in zip(words.words, words.counts.tolist(), strict=True))
    try:
        sentencepiece.SentencePieceTrainer.train(  # pyright: ignore[reportUnknownMemberType]
            sentence_iterator=rows,
            input_format="tsv",
            model_writer=model,
            model_type="unigram",
            # the only piece of its own that is left is <unk>
            vocab_size=size + 1,
            bos_id=-1,
            eos_id=-1,
            hard_vocab_limit=False,
            character_coverage=COVERAGE,
            max_sentencepiece_length=LONGEST_TOKEN,
            max_sentence_length=LONGEST_WORD_BYTES,
            # the words are cut already, in the way of our tokenizers
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            split_by_unicode_script=False,
            split_by_number=False,
            # several threads add up in another order
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise InputError(
            f"a vocabulary of {size:,} pieces cannot be trained on this text, which has {words.alphabet:,} distinct "
            f"characters: raise the size ({_reason(error)})"
        ) from error
    trained: Any = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    numbers = range(1, trained.get_piece_size())
    return {trained.id_to_piece(number): float(trained.get_score(number)) for number in numbers}


def _reason(error: RuntimeError) -> str:
    """What SentencePiece says, without its place in the source and without advice on options that are not ours."""
    return str(error).rsplit("]", 1)[-1].split(". Increase")[0].strip()


def cut(words: Sequence[str], scores: Mapping[str, float]) -> tuple[IntArray, IntArray]:
    """Cuts words into the pieces with the highest sum of scores.

    Returns:
        The pieces of all words, one behind the other, as 1 + their place in `scores`, 0 for `<unk>`; and how many
        each word has.
    """
    backend = Backend(models.Unigram([(UNKNOWN, NEVER), *scores.items()], 0, False))
    rows = [row.ids for row in backend.encode_batch_fast(list(words), add_special_tokens=False)]
    flat = np.fromiter((piece for row in rows for piece in row), dtype=np.int64)
    return flat, np.array([len(row) for row in rows], dtype=np.int64)


def count_pieces(words: Words, scores: Mapping[str, float]) -> CountedPieces:
    """What a text uses of a vocabulary with these scores."""
    flat, lengths = cut(words.words, scores)
    counts = np.bincount(flat, np.repeat(words.counts, lengths), minlength=len(scores) + 1).astype(np.int64)
    return CountedPieces(tuple(scores), counts[1:], int(counts[0]))


def pruned(words: Words, scores: Mapping[str, float], sizes: Sequence[int]) -> Iterator[CountedPieces]:
    """Prunes a vocabulary to each of the sizes, the largest first; each is a part of the one before.

    As in SentencePiece, the pieces stay whose loss would cost most, and single characters stay. Words are cut into
    their best pieces where SentencePiece weighs all ways to cut them, so that pruning aims at ALP itself.

    Args:
        words: the text.
        scores: of the pieces, in nats.
        sizes: from the number of single characters to the number of pieces.
    """
    state = _Pruning(words, scores)
    for size in sorted(set(sizes), reverse=True):
        while state.size > size:
            state.prune(max(size, int(state.size * SHRINKING)))
        yield state.counted()


class _Pruning:
    """A vocabulary that shrinks. Pieces are numbered from 1 as at the start, 0 is `<unk>`."""

    def __init__(self, words: Words, scores: Mapping[str, float]) -> None:
        self.words, self.names = words, [UNKNOWN, *scores]
        self.number = {name: number for number, name in enumerate(self.names)}
        self.scores = np.array([NEVER, *scores.values()])
        self.alive = np.ones(len(self.names), dtype=bool)
        self.required = np.array([number == 0 or len(name) == 1 for number, name in enumerate(self.names)])
        self.alternatives: dict[int, tuple[int, ...]] = {}
        self.last_cut = self.size
        flat, self.lengths = cut(words.words, scores)
        self.rows = np.split(flat, np.cumsum(self.lengths)[:-1])

    @property
    def size(self) -> int:
        """Pieces, without `<unk>`."""
        return int(self.alive.sum()) - 1

    def counts(self) -> IntArray:
        """How often each piece is used, dead ones included."""
        flat, lengths = self._flat()
        weights = np.repeat(self.words.counts, lengths)
        return np.bincount(flat, weights, minlength=len(self.names)).astype(np.int64)

    def counted(self) -> CountedPieces:
        counts, living = self.counts(), np.flatnonzero(self.alive[1:]) + 1
        return CountedPieces(tuple(self.names[number] for number in living), counts[living], int(counts[0]))

    def prune(self, size: int) -> None:
        """Drops the pieces whose loss costs least, and cuts the words anew that had them."""
        counts = self.counts()
        losses = self._losses(counts)
        order = np.lexsort((np.arange(len(losses)), -losses))
        order = order[self.alive[order]]
        # <unk> is required, so it stands among the first
        dropped = order[size + 1 :]
        self.alive[dropped] = False
        shared = counts.astype(np.float64)
        for number in dropped.tolist():
            shared[list(self.alternatives[number])] += counts[number]
        self.scores = np.log(np.maximum(shared, UNSEEN) / shared[self.alive].sum())
        self._cut_again(dropped)

    def _flat(self) -> tuple[IntArray, IntArray]:
        return np.concatenate(self.rows), self.lengths

    def _cut_again(self, dropped: IntArray) -> None:
        """Cuts words anew: all if the vocabulary has shrunk much since the last time, else those that lost a piece."""
        if self.size <= self.last_cut * SHRINKING:
            touched, self.last_cut = np.arange(len(self.rows)), self.size
        else:
            flat, lengths = self._flat()
            gone = np.isin(flat, dropped)
            touched = np.unique(np.repeat(np.arange(len(lengths)), lengths)[gone])
        if not len(touched):
            return
        living = np.flatnonzero(self.alive[1:]) + 1
        scores = {self.names[number]: float(self.scores[number]) for number in living}
        flat, lengths = cut([self.words.words[place] for place in touched], scores)
        parts = np.split(np.concatenate([[0], living])[flat], np.cumsum(lengths)[:-1])
        for place, part in zip(touched.tolist(), parts, strict=True):
            self.rows[place] = part
        self.lengths[touched] = lengths

    def _losses(self, counts: IntArray) -> np.ndarray:
        """What the text loses in nats without each piece, by its best other pieces; infinite where it is required."""
        numbers = np.flatnonzero(self.alive & ~self.required)
        losses = np.full(len(self.names), np.inf)
        if not len(numbers):
            return losses
        others = [self._alternative(number) for number in numbers.tolist()]
        lengths = np.array([len(each) for each in others])
        flat = np.concatenate([np.array(each, dtype=np.int64) for each in others])
        used, total = counts[numbers].astype(np.float64), float(counts.sum())
        owner = np.repeat(np.arange(len(numbers)), lengths)
        without = np.log(np.maximum(counts[flat] + used[owner], UNSEEN))
        after = np.bincount(owner, without, minlength=len(numbers))
        after -= lengths * np.log(total + used * (lengths - 1))
        losses[numbers] = used * (np.log(np.maximum(used, UNSEEN) / total) - after)
        return losses

    def _alternative(self, number: int) -> tuple[int, ...]:
        """The best other pieces that a piece is cut into; looked for anew when one of them has gone."""
        known = self.alternatives.get(number)
        if known is None or not all(self.alive[part] for part in known):
            known = self.alternatives[number] = self._best_parts(self.names[number])
        return known

    def _best_parts(self, piece: str) -> tuple[int, ...]:
        """Pieces that make up another one with the highest sum of scores."""
        best, step = [0.0] + [-np.inf] * len(piece), [0] * (len(piece) + 1)
        for end in range(1, len(piece) + 1):
            for begin in range(end):
                part = self.number.get(piece[begin:end])
                if part is None or not self.alive[part] or end - begin == len(piece):
                    continue
                if best[begin] + self.scores[part] > best[end]:
                    best[end], step[end] = best[begin] + self.scores[part], begin
        parts, end = list[int](), len(piece)
        while end:
            parts.append(self.number[piece[step[end] : end]])
            end = step[end]
        return tuple(parts)
