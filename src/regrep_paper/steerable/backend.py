"""escnn, the library of steerable convolutions, imported when a network needs it."""

from __future__ import annotations

import functools
from types import ModuleType

import numpy as np

from regrep.errors import MissingExtraError


@functools.cache
def steerable_library() -> ModuleType:
    """The module ``escnn`` with ``escnn.nn``, ``escnn.group`` and ``escnn.gspaces`` loaded.

    Raises:
        MissingExtraError: the extra ``[baselines]`` is not installed.
    """
    try:
        import escnn
        import escnn.group._numerical as numerical
        import escnn.gspaces
        import escnn.nn
    except ImportError as error:
        raise MissingExtraError("baselines") from error
    null = numerical.null
    if not hasattr(null, "__wrapped__"):
        # escnn uses scikit-learn's randomised decomposition, which has rejected np.matrix since 1.2; without this
        # all bases with reflections fail.
        numerical.null = functools.wraps(null)(
            lambda matrix, use_sparse, *rest, **options: null(
                matrix if use_sparse else np.asarray(matrix), use_sparse, *rest, **options
            )
        )
    return escnn
