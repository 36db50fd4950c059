"""The reproduction of the paper on top of the library regrep: it runs and compares the experiments."""
