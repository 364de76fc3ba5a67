{{ aggregates('day') }}
