-- Days above the WHO 24-hour guideline (PM2.5, 15 µg/m³) by sensor and month, with the coverage they rest on.
-- Only complete days are judged; coverage is their share of the days of the month, or of those until the newest day.
-- A month in which a sensor sent nothing has no row.
WITH judged AS (
    SELECT
        sensor_id,
        day,
        CAST(date_trunc('month', day) AS DATE) AS month,
        exceeds_who_24h
    FROM gold.air_daily
),

months AS (
    SELECT
        month,
        CAST(
            least(
                CAST(month + INTERVAL '1 month' AS DATE),
                (SELECT CAST(max(day) + INTERVAL '1 day' AS DATE) FROM judged)
            ) - month AS INTEGER
        ) AS days
    FROM judged
    GROUP BY month
)

SELECT
    judged.sensor_id,
    judged.month,
    count(judged.exceeds_who_24h) AS days_complete,
    months.days,
    round(CAST(100.0 * count(judged.exceeds_who_24h) / months.days AS NUMERIC(18, 6)), 1) AS coverage_pct,
    count(*) FILTER (WHERE judged.exceeds_who_24h) AS days_above,
    round(
        CAST(
            100.0 * count(*) FILTER (WHERE judged.exceeds_who_24h)
            / nullif(count(judged.exceeds_who_24h), 0) AS NUMERIC(18, 6)
        ),
        1
    ) AS above_pct
FROM judged
INNER JOIN months ON judged.month = months.month
GROUP BY
    judged.sensor_id,
    judged.month,
    months.days
ORDER BY
    judged.sensor_id,
    judged.month;
