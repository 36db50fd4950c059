"""The reproduction of the paper on top of the library regrep, and the machine that runs and compares."""
