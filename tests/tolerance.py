"""The one table of tolerances, by dtype, relative to the largest entry; permutations are compared exactly."""

import torch

RELATIVE = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}


def assert_near(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal up to the tolerance of the less precise dtype; the message tells the error."""
    __tracebackhide__ = True
    limit = max(RELATIVE[actual.dtype], RELATIVE[expected.dtype])
    actual, expected = actual.detach(), expected.detach()
    error = float((actual.double() - expected.double()).abs().max())
    size = max(1e-30, float(expected.double().abs().max()))
    assert error <= limit * max(size, 1e-3), f"error {error:.3e} above {limit:.0e} of {size:.3e}"
