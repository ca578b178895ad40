"""Quality: decisions from automatic checks, and the report."""
