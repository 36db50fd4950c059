"""Integers of records."""

LARGEST = 2**63
"""Largest absolute value of a number in a record."""


def integer(digits: str) -> int:
    """An integer from its digits, none that is too large for a float or an array.

    Raises:
        ValueError: it is larger.

    >>> integer("-12")
    -12
    >>> integer("9" * 40)
    Traceback (most recent call last):
    ValueError: the largest integer is 9223372036854775808, got one of 40 digits
    """
    value = int(digits)
    if abs(value) > LARGEST:
        raise ValueError(f"the largest integer is {LARGEST}, got one of {len(digits.lstrip('-'))} digits")
    return value
