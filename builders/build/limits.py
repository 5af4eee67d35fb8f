"""Size limits of row groups and files."""

# `datasets` reads a whole row group at a time, each row with its own copy of its image: it must stay under 128 MB.
ROW_GROUP_DENSE_BYTES = 100_000_000
ROW_GROUP_ROWS = 20_000
# A file stays under 500 MB; the remainder is for texts and for images that two row groups share.
SHARD_IMAGE_BYTES = 400_000_000
# Large enough to keep a worker busy, small enough that workers finish at about the same time.
SHARD_RECORDS = 100_000
