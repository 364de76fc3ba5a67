-- Statistics of the four metrics, for each sensor and unit of time.
{% macro aggregates(unit) %}
select
    sensor_id,
    date_trunc('{{ unit }}', time) as {{ unit }},
    {% for metric in ['pm25', 'temperature', 'humidity', 'co2'] -%}
    avg({{ metric }}) as {{ metric }}_mean,
    min({{ metric }}) as {{ metric }}_min,
    max({{ metric }}) as {{ metric }}_max,
    count({{ metric }}) as {{ metric }}_n{{ ',' if not loop.last }}
    {% endfor %}
from {{ ref('silver') }}
group by all
{% endmacro %}
