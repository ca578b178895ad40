"""Training of the nets that the package ships; none of it is in the wheel."""
