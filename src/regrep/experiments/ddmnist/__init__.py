"""DDMNIST (section 6.1, Table 4, appendix C.1): double digits, each moved on its own."""
