"""Experiments: everything a notebook, the dashboard or the command line calls."""
