"""The study that the tests of studies share: weighting, with two of its arms."""

from dataclasses import replace

from lab.study.definitions import STUDIES, weighting_arms

WEIGHTING = ("mean", "token-sum")
TWO_ARMS = replace(STUDIES["weighting"], arms=lambda base: weighting_arms(base)[:2])
