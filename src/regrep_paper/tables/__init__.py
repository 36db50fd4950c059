"""The tables of the paper as data: settings, labels, columns, published numbers, methods and networks; no torch."""
