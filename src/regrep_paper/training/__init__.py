"""Lightning modules, callbacks, run records and sweeps. Needs the extra [train] where it trains."""
