"""What pyarrow raises while it reads a damaged Parquet file, besides `OSError`, which may also mean a failing disk."""

from __future__ import annotations

import pyarrow as pa

# Arrow's own; columns that the footer lists and the row groups lack; numbers beyond the range of their type; texts that
# are not UTF-8.
DAMAGED_PARQUET = (pa.ArrowException, KeyError, OverflowError, UnicodeDecodeError)
