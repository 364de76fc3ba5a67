"""A real daemon under random drops, kills and restarts, for as long as asked; in the end everything must be right.

``python -m kaikai_assets_tests.soak --minutes 20 --seed 1``
"""
