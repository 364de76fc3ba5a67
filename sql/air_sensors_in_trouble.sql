-- Sensors of the network that were offline at the end of the newest day that is over (by UTC; a day that still runs
-- makes all of them look silent), or sent less than half of what is expected of them: the most silent first.
SELECT
    health.sensor_id,
    sensors.location_name,
    health.day,
    health.is_offline,
    health.is_degraded,
    health.last_seen,
    round(CAST(100 * health.share_received AS NUMERIC(18, 6)), 1) AS received_pct,
    health.longest_silence_min
FROM gold.air_sensor_health AS health
LEFT JOIN silver.air_sensors AS sensors
    ON
        health.sensor_id = sensors.sensor_id
        AND (sensors.valid_from IS NULL OR sensors.valid_from <= health.day)
        AND (sensors.valid_to IS NULL OR health.day < sensors.valid_to)
WHERE
    health.day = (
        SELECT max(day) FROM gold.air_sensor_health
        WHERE day < CAST(now() AT TIME ZONE 'UTC' AS DATE)
    )
    AND health.status NOT IN ('test', 'retired')
    AND (health.is_offline OR health.is_degraded)
ORDER BY
    health.share_received NULLS FIRST,
    health.sensor_id;
