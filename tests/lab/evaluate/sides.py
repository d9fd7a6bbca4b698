"""Sentences and their vectors for retrieval, by hand or with noise."""

import numpy as np

from lab.evaluate.pools import LanguageVectors


def side(vectors, meanings=None, name="s"):
    meanings = np.arange(len(vectors)) if meanings is None else np.asarray(meanings)
    return LanguageVectors(meanings, [f"{name}{m}" for m in meanings], np.asarray(vectors, dtype=np.float32))


def noisy(n=300, d=16, noise=0.7, seed=0):
    rng = np.random.default_rng(seed)
    clean = rng.normal(size=(n, d))
    return [side(clean + noise * rng.normal(size=(n, d)), name=name) for name in "abc"]
