"""Estimators of mutual information from samples, each with its interval."""
