-- Zones ranked by mean PM2.5, the best first, with their number of sensors and of PM2.5 readings, and their band.
-- A zone is a location type. Its mean is the mean of its sensors' means, so that a busy sensor does not outweigh the
-- others. An hour counts for the zone in which its sensor stood on that day; test and retired sensors stay out.
-- Single readings (silver.air_measurements) are not published: hours weighted by their share of the expected
-- readings stand for them. The band is that of the mean as shown. For the zones of each day see gold.air_zone_daily.
WITH of_sensors AS (
    SELECT
        sensors.location_type AS zone,
        sum(hours.pm25_n) AS measurements,
        sum(hours.pm25_mean * hours.pm25_n / hours.expected)
        / nullif(sum(hours.pm25_n / CAST(hours.expected AS DOUBLE PRECISION)), 0) AS pm25,
        sum(hours.temperature_mean * hours.temperature_n / hours.expected)
        / nullif(sum(hours.temperature_n / CAST(hours.expected AS DOUBLE PRECISION)), 0) AS temperature,
        sum(hours.humidity_mean * hours.humidity_n / hours.expected)
        / nullif(sum(hours.humidity_n / CAST(hours.expected AS DOUBLE PRECISION)), 0) AS humidity,
        sum(hours.co2_mean * hours.co2_n / hours.expected)
        / nullif(sum(hours.co2_n / CAST(hours.expected AS DOUBLE PRECISION)), 0) AS co2
    FROM gold.air_hourly AS hours
    INNER JOIN silver.air_sensors AS sensors
        ON
            hours.sensor_id = sensors.sensor_id
            AND (sensors.valid_from IS NULL OR sensors.valid_from <= hours.day)
            AND (sensors.valid_to IS NULL OR hours.day < sensors.valid_to)
    WHERE
        sensors.location_type IS NOT NULL
        AND coalesce(sensors.status, 'active') = 'active'
    GROUP BY
        sensors.location_type,
        hours.sensor_id
),

of_zones AS (
    SELECT
        zone,
        count(pm25) AS sensors,
        CAST(sum(measurements) AS BIGINT) AS measurements,
        round(CAST(avg(pm25) AS NUMERIC(18, 6)), 2) AS pm25_mean,
        round(CAST(avg(temperature) AS NUMERIC(18, 6)), 1) AS temperature_mean,
        round(CAST(avg(humidity) AS NUMERIC(18, 6)), 1) AS humidity_mean,
        round(CAST(avg(co2) AS NUMERIC(18, 6)), 0) AS co2_mean
    FROM of_sensors
    GROUP BY zone
)

SELECT
    zone,
    sensors,
    measurements,
    pm25_mean,
    temperature_mean,
    humidity_mean,
    co2_mean,
    rank() OVER (ORDER BY pm25_mean) AS rank,
    CASE
        WHEN pm25_mean <= 12 THEN 'excellent'
        WHEN pm25_mean <= 35 THEN 'moderate'
        WHEN pm25_mean <= 55 THEN 'bad'
        ELSE 'critical'
    END AS band
FROM of_zones
WHERE pm25_mean IS NOT NULL
ORDER BY
    rank,
    zone;
