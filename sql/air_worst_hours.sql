-- The twenty complete hours with the highest mean of PM2.5, with what their figures are worth: completeness and quality
-- score (0 to 100). Test and retired sensors are left out. The NowCast weighs the twelve hours up to this one.
SELECT
    hours.sensor_id,
    hours.hour,
    round(CAST(hours.pm25_mean AS NUMERIC(18, 6)), 1) AS pm25_mean,
    round(CAST(100 * hours.completeness AS NUMERIC(18, 6)), 1) AS completeness_pct,
    round(CAST(hours.quality_score AS NUMERIC(18, 6)), 0) AS quality_score,
    round(CAST(hours.pm25_nowcast AS NUMERIC(18, 6)), 1) AS pm25_nowcast,
    hours.pm25_nowcast_aqi,
    hours.pm25_neighbours_flag
FROM gold.air_hourly AS hours
LEFT JOIN silver.air_sensors AS sensors
    ON
        hours.sensor_id = sensors.sensor_id
        AND (sensors.valid_from IS NULL OR sensors.valid_from <= hours.day)
        AND (sensors.valid_to IS NULL OR hours.day < sensors.valid_to)
WHERE
    hours.pm25_mean IS NOT NULL
    AND hours.completeness >= 0.75
    AND coalesce(sensors.status, 'active') = 'active'
ORDER BY
    hours.pm25_mean DESC,
    hours.sensor_id,
    hours.hour
LIMIT 20;
