"""Lower bound for reading a log: DuckDB parses it, every column as text. `python -m benchmarks.speed.parse LOG.csv`."""

import sys
import time

import duckdb


def main() -> None:
    """Print the time that the query took, and its number of rows."""
    log = sys.argv[1]
    with duckdb.connect() as con:
        source = f"read_csv('{log}', header = true, all_varchar = true)"
        names = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
        began = time.time()
        result = con.execute(f'SELECT count(*), {", ".join(f"""max("{name}")""" for name in names)} FROM {source}')
        rows = (result.fetchone() or (0,))[0]
    print(f"STAGE parse {began} {time.time()}\n{rows:,} rows")


if __name__ == "__main__":
    main()
