"""Tenants with data that obeys every constraint."""
