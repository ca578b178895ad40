"""OCT science: pure functions on arrays and spacings."""
