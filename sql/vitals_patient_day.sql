-- The newest day of each patient: median and range of the four vital signs, with the coverage they rest on.
WITH newest AS (
    SELECT
        patient_id,
        max(day) AS day
    FROM gold.vitals_daily
    GROUP BY patient_id
)

SELECT
    daily.patient_id,
    daily.day,
    daily.vital,
    daily.n,
    round(CAST(100 * daily.completeness AS NUMERIC(18, 6)), 1) AS coverage_pct,
    round(CAST(daily.p50 AS NUMERIC(18, 6)), 1) AS median,
    round(CAST(daily.min AS NUMERIC(18, 6)), 1) AS least,
    round(CAST(daily.max AS NUMERIC(18, 6)), 1) AS greatest
FROM gold.vitals_daily AS daily
INNER JOIN newest ON daily.patient_id = newest.patient_id AND daily.day = newest.day
WHERE daily.vital IN ('freq_card', 'freq_resp', 'spo2_pct', 'temp_corp')
ORDER BY
    daily.patient_id,
    daily.vital,
    daily.grain;
