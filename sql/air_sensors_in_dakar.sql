-- Sensors installed in Dakar, the newest installation first.
-- A sensor that moved has a row for each period; the one without an end is where it stands now.
SELECT
    sensor_id,
    location_name,
    location_type,
    installation_date
FROM silver.air_sensors
WHERE
    valid_to IS NULL
    AND location_name LIKE 'Dakar%'
ORDER BY
    installation_date DESC NULLS LAST,
    sensor_id;
