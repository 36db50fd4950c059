"""The errors that regrep raises: one sentence with the rule, the value received and the fix."""


class RegrepError(ValueError):
    """Invalid input or data that break an assumption, explained in one sentence."""


class MissingExtraError(ImportError):
    """A package of an optional extra is not installed.

    >>> str(MissingExtraError("train"))
    'this needs the extra [train], which is not installed; run: pip install "regrep[train]"'
    """

    def __init__(self, extra: str) -> None:
        super().__init__(f'this needs the extra [{extra}], which is not installed; run: pip install "regrep[{extra}]"')
