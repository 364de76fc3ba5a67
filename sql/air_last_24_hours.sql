-- Hourly mean PM2.5 of each sensor over the last 24 hours, with the number of readings in each hour.
-- "Last" counts back from the newest hour in the data, not from the clock: 24 hour starts, the newest one included.
-- An hour is an instant: an hour of yesterday never merges with the same hour of today.
SELECT
    sensor_id,
    hour,
    round(CAST(pm25_mean AS NUMERIC(18, 6)), 2) AS pm25_mean,
    pm25_n AS measurements
FROM gold.air_hourly
WHERE
    pm25_n > 0
    AND hour > (SELECT max(hour) FROM gold.air_hourly) - INTERVAL '24 hours'
ORDER BY
    sensor_id,
    hour;
