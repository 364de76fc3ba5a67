-- Every sensor, those without data and those without a registry entry too: how many PM2.5 readings it sent, the hour
-- of the last one, and their mean; the busiest first.
-- Single readings (silver.air_measurements) are not published: gold.air_hourly counts them in pm25_n, and the mean of
-- the hours weighted by pm25_n is the mean of the readings. Days that a source delivers as one value are not in it.
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
)

SELECT
    coalesce(registered.sensor_id, measured.sensor_id) AS sensor_id,
    registered.location_name,
    coalesce(measured.measurements, 0) AS measurements,
    measured.last_hour,
    round(CAST(measured.pm25_mean AS NUMERIC(18, 6)), 2) AS pm25_mean
FROM registered
FULL JOIN measured ON registered.sensor_id = measured.sensor_id
ORDER BY
    measurements DESC,
    sensor_id;
