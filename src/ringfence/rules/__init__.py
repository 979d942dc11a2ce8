"""What `ringfence lint` looks for: one module a rule."""
