-- How many days each sensor spent in each AQI category (US EPA 2024, PM2.5), and how many had no AQI since they were
-- incomplete.
SELECT
    sensor_id,
    count(*) FILTER (WHERE pm25_aqi_category = 'Good') AS good,
    count(*) FILTER (WHERE pm25_aqi_category = 'Moderate') AS moderate,
    count(*) FILTER (WHERE pm25_aqi_category = 'Unhealthy for Sensitive Groups') AS unhealthy_for_sensitive_groups,
    count(*) FILTER (WHERE pm25_aqi_category = 'Unhealthy') AS unhealthy,
    count(*) FILTER (WHERE pm25_aqi_category = 'Very Unhealthy') AS very_unhealthy,
    count(*) FILTER (WHERE pm25_aqi_category = 'Hazardous') AS hazardous,
    count(*) FILTER (WHERE pm25_aqi_category IS NULL) AS without_aqi,
    max(pm25_aqi) AS highest_aqi
FROM gold.air_daily
GROUP BY sensor_id
ORDER BY sensor_id;
