"""The built-in world: facts told in many languages, with mutual information that is known exactly."""

from lab.world.language import LANGUAGES
from lab.world.world import World

__all__ = ["LANGUAGES", "World"]
