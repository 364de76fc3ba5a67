{% set ranges = {'pm25': (0, 5000), 'temperature': (-50, 70), 'humidity': (0, 100), 'co2': (0, 50000)} %}
select 'damaged_record' as rule, count(distinct (sensor_id, timestamp, pm25, temperature, humidity)) as n
from {{ ref('lines') }}
where co2 is null
union all
select
    'not_a_number',
    {% for metric in ranges -%}
    count(*) filter ({{ metric }} is null and {{ metric }}_text is not null){{ ' +' if not loop.last }}
    {% endfor %}
from {{ ref('cells') }}
union all
select
    'impossible',
    {% for metric, (least, most) in ranges.items() -%}
    count(*) filter ({{ metric }} not between {{ least }} and {{ most }}){{ ' +' if not loop.last }}
    {% endfor %}
from {{ ref('cells') }}
