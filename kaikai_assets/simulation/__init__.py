"""Seeded generators of raw files with injected defects and their ground truth."""
