select sensor_id, date_trunc('day', hour) as day, count(*) as hours_above_35
from {{ ref('hourly') }}
where round(pm25_mean, 6) > 35
group by all
