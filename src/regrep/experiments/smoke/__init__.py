"""SMOKE (section 6.3, Table 6, appendix C.3): forecasts of buoyant smoke, approximately equivariant under C4."""
