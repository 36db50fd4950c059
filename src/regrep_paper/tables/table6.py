"""The published settings of Table 6, by the code and its README where the paper is silent."""

WINDOW = 10
"""Frames that a forecast sees."""

WEIGHT = 0.005
"""Of the mean-squared penalty (D-SM7)."""

LEARNING_RATE, WEIGHT_DECAY, DECAY = 1e-3, 4e-4, 0.95
"""Of Adam, and the factor of the rate per epoch."""
