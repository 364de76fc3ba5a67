"""kaikai_assets: a build system for days of sensor data, on Dagster. Importing the package does nothing."""
