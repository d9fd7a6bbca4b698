"""Evaluations of a run or of any checkpoint, one per file."""
