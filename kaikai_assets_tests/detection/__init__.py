"""How well the product finds what the simulator injected: precision and recall for each kind.

python -m kaikai_assets_tests.detection
"""
