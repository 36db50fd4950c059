"""Public data sets: downloads with checksums and readers of their formats."""
