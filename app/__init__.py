"""The dashboard: pages that read what the lab has written."""
