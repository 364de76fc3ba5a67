-- One row for each sensor and time: its cells as texts and as numbers, whole lines only.
{{ config(materialized='table') }}
with whole as (
    select distinct on (sensor_id, timestamp)
        sensor_id,
        timestamp,
        {% for metric in ['pm25', 'temperature', 'humidity', 'co2'] -%}
        nullif(nullif({{ metric }}, ''), 'NA') as {{ metric }}_text{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('lines') }}
    where co2 is not null
)
select
    sensor_id,
    timestamp::timestamptz at time zone 'UTC' as time,
    {% for metric in ['pm25', 'temperature', 'humidity', 'co2'] -%}
    {{ metric }}_text,
    try_cast({{ metric }}_text as double) as {{ metric }}{{ ',' if not loop.last }}
    {% endfor %}
from whole
