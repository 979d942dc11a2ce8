"""What `ringfence verify` proves on a live server: one module a claim."""
