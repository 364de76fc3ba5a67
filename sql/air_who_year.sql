-- Yearly means of PM2.5 by sensor against the WHO guideline of 5 µg/m³, with the coverage they rest on: the mean of the
-- complete days, and their share of the days of the year. From 75 % on a year is judged; else above_who is null.
WITH years AS (
    SELECT
        sensor_id,
        CAST(date_trunc('year', day) AS DATE) AS year,
        count(*) AS days_complete,
        round(CAST(avg(pm25_mean) AS NUMERIC(18, 6)), 1) AS pm25_mean
    FROM gold.air_daily
    WHERE
        is_complete
        AND pm25_mean IS NOT NULL
    GROUP BY
        sensor_id,
        date_trunc('year', day)
),

covered AS (
    SELECT
        sensor_id,
        year,
        days_complete,
        pm25_mean,
        CAST(days_complete AS NUMERIC) / (CAST(year + INTERVAL '1 year' AS DATE) - year) AS coverage
    FROM years
)

SELECT
    sensor_id,
    year,
    days_complete,
    round(CAST(100 * coverage AS NUMERIC(18, 6)), 1) AS coverage_pct,
    pm25_mean,
    CASE WHEN coverage >= 0.75 THEN pm25_mean > 5 END AS above_who
FROM covered
ORDER BY
    year,
    pm25_mean DESC,
    sensor_id;
