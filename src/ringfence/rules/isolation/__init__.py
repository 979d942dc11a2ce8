"""Isolation of tenants: each rule sees the catalog of ddl/."""
