"""Tests of the messaging schema: ddl/, the revisions that make it, and what it promises."""
