"""Objects and rows: knows no astronomy, arrays or files."""
