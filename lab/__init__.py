"""Experiments: everything that notebooks, the dashboard and the command line call."""
