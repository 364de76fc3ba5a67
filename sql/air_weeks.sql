-- The network by week (from Monday): most sensors active on a day, share of valid measurements, threshold crossings,
-- and the seconds from arrival to this file. Measurements count in the week of their day, latency in that of arrival.
WITH network AS (
    SELECT
        CAST(date_trunc('week', day) AS DATE) AS week,
        max(sensors_active) AS sensors_active,
        CAST(sum(measurements) AS BIGINT) AS measurements,
        sum(share_valid * measurements) / nullif(sum(measurements), 0) AS share_valid,
        CAST(sum(threshold_crossings) AS BIGINT) AS threshold_crossings
    FROM gold.air_network_daily
    GROUP BY date_trunc('week', day)
),

arrivals AS (
    SELECT
        CAST(date_trunc('week', day) AS DATE) AS week,
        CAST(sum(files) AS BIGINT) AS files,
        max(latency_max_s) AS latency_max_s,
        sum(latency_p50_s * files) / sum(files) AS latency_p50_s
    FROM gold.air_latency
    GROUP BY date_trunc('week', day)
)

SELECT
    coalesce(network.week, arrivals.week) AS week,
    network.sensors_active,
    network.measurements,
    round(CAST(100 * network.share_valid AS NUMERIC(18, 6)), 1) AS valid_pct,
    network.threshold_crossings,
    arrivals.files,
    round(CAST(arrivals.latency_p50_s AS NUMERIC(18, 6)), 1) AS latency_daily_median_s,
    round(CAST(arrivals.latency_max_s AS NUMERIC(18, 6)), 1) AS latency_max_s
FROM network
FULL JOIN arrivals ON network.week = arrivals.week
ORDER BY week;
