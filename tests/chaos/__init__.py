"""The campaign of `make chaos`: kills, full disks, damaged files and random calls, and counts of what must not happen."""
