-- Critical alerts that no later reading has closed, the newest first. An alert is no diagnosis: see docs/vitals.md.
SELECT
    patient_id,
    rule,
    opened_at,
    last_violation_end,
    n,
    round(CAST(peak AS NUMERIC(18, 6)), 1) AS peak,
    round(CAST(threshold AS NUMERIC(18, 6)), 1) AS threshold
FROM gold.vitals_critical_alerts
WHERE closed_at IS NULL
ORDER BY
    opened_at DESC,
    patient_id,
    rule;
