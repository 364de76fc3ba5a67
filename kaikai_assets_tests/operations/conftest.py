from kaikai_assets_tests.operations.damage import built

__all__ = ["built"]
