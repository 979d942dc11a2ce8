"""Tests of measuring: what statements do, and what is concluded."""
