-- Cells as texts; reading the files twice is faster than keeping a table of them.
-- An empty cell stays an empty text, so that null says: the line is torn before it.
{{ config(materialized='view') }}
select *
from read_csv(
    '{{ env_var("BENCH_SOURCE") }}/readings-*.csv',
    header = true, auto_detect = false, delim = ',', quote = '', null_padding = true, nullstr = '\N',
    columns = {
        'sensor_id': 'varchar', 'timestamp': 'varchar',
        'pm25': 'varchar', 'temperature': 'varchar', 'humidity': 'varchar', 'co2': 'varchar'
    }
)
