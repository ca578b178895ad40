"""Tables: assemble, validate, export."""
