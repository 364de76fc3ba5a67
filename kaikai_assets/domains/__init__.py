"""One folder a domain: contracts, transforms, rules, sources, and what Dagster shows of them."""
