-- PM2.5 as reported and as corrected, by sensor and version of the correction, over the hours that have both.
-- "source" is what the maker delivers as corrected. Both means are weighted by the corrected readings of each hour.
SELECT
    sensor_id,
    correction_version,
    count(*) AS hours,
    round(CAST(sum(pm25_mean * pm25_corrected_n) / sum(pm25_corrected_n) AS NUMERIC(18, 6)), 2) AS pm25_raw,
    round(CAST(sum(pm25_corrected_mean * pm25_corrected_n) / sum(pm25_corrected_n) AS NUMERIC(18, 6)), 2)
        AS pm25_corrected,
    round(
        CAST(
            sum(pm25_corrected_mean * pm25_corrected_n) / nullif(sum(pm25_mean * pm25_corrected_n), 0)
            AS NUMERIC(18, 6)
        ),
        3
    ) AS ratio
FROM gold.air_hourly
WHERE
    pm25_mean IS NOT NULL
    AND pm25_corrected_n > 0
GROUP BY
    sensor_id,
    correction_version
ORDER BY
    sensor_id,
    correction_version;
