"""The networks that the paper compares: each has an encoder and a head, and all are trained on the same data."""
