select
    sensor_id,
    time,
    case when pm25 between 0 and 5000 then pm25 end as pm25,
    case when temperature between -50 and 70 then temperature end as temperature,
    case when humidity between 0 and 100 then humidity end as humidity,
    case when co2 between 0 and 50000 then co2 end as co2
from {{ ref('cells') }}
order by sensor_id, time
