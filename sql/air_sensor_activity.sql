-- Every sensor, those without data and those without a registry entry too: how many PM2.5 readings it sent, the hour
-- of the last one, and their mean; the busiest first.
-- Single readings (silver.air_measurements) are not published: gold.air_hourly counts them in pm25_n, and the mean of
-- the hours weighted by pm25_n is the mean of the readings. Days that a source delivers as one value are counted apart.
WITH registered AS (
    SELECT
        sensor_id,
        location_name
    FROM silver.air_sensors
    WHERE valid_to IS NULL
),

measured AS (
    SELECT
        sensor_id,
        CAST(sum(pm25_n) AS BIGINT) AS measurements,
        max(hour) AS last_hour,
        sum(pm25_mean * pm25_n) / sum(pm25_n) AS pm25_mean
    FROM gold.air_hourly
    WHERE pm25_n > 0
    GROUP BY sensor_id
),

delivered AS (
    SELECT
        sensor_id,
        count(*) AS days_delivered
    FROM gold.air_daily
    WHERE grain = 'P1D'
    GROUP BY sensor_id
),

known AS (
    SELECT sensor_id FROM measured
    UNION
    SELECT sensor_id FROM delivered
    UNION
    SELECT sensor_id FROM registered
)

SELECT
    known.sensor_id,
    registered.location_name,
    coalesce(measured.measurements, 0) AS measurements,
    measured.last_hour,
    round(CAST(measured.pm25_mean AS NUMERIC(18, 6)), 2) AS pm25_mean,
    coalesce(delivered.days_delivered, 0) AS days_delivered
FROM known
LEFT JOIN registered ON known.sensor_id = registered.sensor_id
LEFT JOIN measured ON known.sensor_id = measured.sensor_id
LEFT JOIN delivered ON known.sensor_id = delivered.sensor_id
ORDER BY
    measurements DESC,
    known.sensor_id;
