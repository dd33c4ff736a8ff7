"""Small loopback portals that look like each family: for the demo, the tests and the benchmark.

Figures come from a seeded generator that obeys the forms' arithmetic; names of people and phone numbers are made up;
`portals.toml` names the replicas as portals, `planted()` of each says what a right crawl of it finds.
"""
