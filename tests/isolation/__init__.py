"""Isolation as `ringfence verify` finds it."""
