"""Runs: records, sweep files, and where the runs of a sweep are executed."""
