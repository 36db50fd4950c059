"""Diagnostics: how equivariant a model really is."""

from regrep.diagnostics.equivariance import CollapseWarning, EquivarianceError, equivariance_error

__all__ = ["CollapseWarning", "EquivarianceError", "equivariance_error"]
