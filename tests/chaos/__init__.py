"""The campaign of `make chaos`: kills, full disks, damaged files, random calls; it counts what must not happen."""
