"""What every room needs: errors, files, tables, the names of splits, tasks and columns."""
