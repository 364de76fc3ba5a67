-- Devices that need a look, on the newest day: readings with a problem, gaps, a low battery or impossible values.
SELECT
    device_id,
    n,
    round(CAST(100 * share_problem AS NUMERIC(18, 6)), 1) AS problem_pct,
    gaps,
    round(CAST(longest_gap_min AS NUMERIC(18, 6)), 1) AS longest_gap_min,
    round(CAST(battery_min_pct AS NUMERIC(18, 6)), 0) AS battery_min_pct,
    impossible_n
FROM gold.vitals_device_health
WHERE
    day = (SELECT max(day) FROM gold.vitals_device_health)
    AND (share_problem >= 0.1 OR gaps > 0 OR battery_min_pct < 20 OR impossible_n > 0)
ORDER BY
    share_problem DESC,
    device_id;
