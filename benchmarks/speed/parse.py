"""The limit of reading a log: DuckDB's bare parse of it, every column as text. `python -m benchmarks.speed.parse LOG.csv`."""

import sys
import time

import duckdb


def main() -> None:
    """Print how many seconds the query took, and its rows."""
    log = sys.argv[1]
    with duckdb.connect() as con:
        source = f"read_csv('{log}', header = true, all_varchar = true)"
        names = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
        began = time.time()
        found = con.execute(f'SELECT count(*), {", ".join(f"""max("{name}")""" for name in names)} FROM {source}')
        rows = (found.fetchone() or (0,))[0]
    print(f"STAGE parse {began} {time.time()}\n{rows:,} rows")


if __name__ == "__main__":
    main()
