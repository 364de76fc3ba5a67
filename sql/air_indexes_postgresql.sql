-- Indexes for a copy of the published tables on PostgreSQL; DuckDB needs none. Single readings are not published: what
-- is asked of measurements by sensor, time and PM2.5 is asked of their hours.
CREATE INDEX IF NOT EXISTS air_hourly_sensor ON gold.air_hourly (sensor_id, hour);
CREATE INDEX IF NOT EXISTS air_hourly_hour ON gold.air_hourly (hour);
CREATE INDEX IF NOT EXISTS air_hourly_pm25 ON gold.air_hourly (pm25_mean);
CREATE INDEX IF NOT EXISTS air_daily_sensor ON gold.air_daily (sensor_id, day);
CREATE INDEX IF NOT EXISTS air_sensors_location ON silver.air_sensors (location_name text_pattern_ops);
