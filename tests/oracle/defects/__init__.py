"""defects: public defects of hypergradient estimates, run on imld's own points (README.md of tests/oracle)."""
