"""How a report leaves: one module a format."""
