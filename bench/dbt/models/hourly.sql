{{ aggregates('hour') }}
