"""Plan, units, launchers, ledger, resume."""
