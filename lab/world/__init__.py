"""The built-in world: facts told in many languages, with exactly known mutual information."""

from lab.world.language import LANGUAGES
from lab.world.world import World

__all__ = ["LANGUAGES", "World"]
