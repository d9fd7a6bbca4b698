"""Imported before all else of the lessons: what libraries say on import that a reader can do nothing about."""

import warnings

# tqdm would draw its bars with ipywidgets; the lessons show a line of their own
warnings.filterwarnings("ignore", message="IProgress not found")
