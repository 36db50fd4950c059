"""Files the experiments read: downloads with checksums, and readers of their formats."""
