-- Zones over the last seven days, the best first, and how they changed against the seven days before.
-- The last day is the newest one on which a zone has a mean. A zone's mean is of its days, a day's of its complete
-- sensors; the number of days says how many of the seven it rests on.
WITH newest AS (
    SELECT max(day) AS day
    FROM gold.air_zone_daily
    WHERE rank IS NOT NULL
),

of_zones AS (
    SELECT
        zones.zone,
        count(*) FILTER (WHERE zones.day > newest.day - 7) AS days,
        count(*) FILTER (WHERE zones.day <= newest.day - 7) AS days_before,
        avg(zones.pm25_mean) FILTER (WHERE zones.day > newest.day - 7) AS pm25,
        avg(zones.pm25_mean) FILTER (WHERE zones.day <= newest.day - 7) AS pm25_before
    FROM gold.air_zone_daily AS zones
    CROSS JOIN newest
    WHERE
        zones.rank IS NOT NULL
        AND zones.day > newest.day - 14
    GROUP BY zones.zone
)

SELECT
    zone,
    days,
    days_before,
    round(CAST(pm25 AS NUMERIC(18, 6)), 2) AS pm25_mean,
    round(CAST(pm25_before AS NUMERIC(18, 6)), 2) AS pm25_before,
    round(CAST(pm25 - pm25_before AS NUMERIC(18, 6)), 2) AS change,
    rank() OVER (ORDER BY round(CAST(pm25 AS NUMERIC(18, 6)), 2)) AS rank
FROM of_zones
WHERE pm25 IS NOT NULL
ORDER BY
    rank,
    zone;
