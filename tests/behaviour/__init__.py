"""What a schema does with rows, as `ringfence verify` finds it."""
