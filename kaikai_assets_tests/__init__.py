"""Tests mirror the package; ``end_to_end`` runs the product as its users do."""
