"""Size limits of row groups and files."""

# `datasets` reads a whole row group at a time, each row with its own copy of its image: it must stay under 128 MB.
ROW_GROUP_DENSE_BYTES = 100_000_000
ROW_GROUP_ROWS = 20_000
# A file stays under 500 MB; the remainder is for texts and for images that two row groups share.
SHARD_IMAGE_BYTES = 400_000_000
# Large enough to keep a worker busy, small enough that workers finish at about the same time.
SHARD_RECORDS = 100_000
# The Hub advises at most 10,000 files per folder, and 100,000 per repository: six tasks have 60,000 at most.
# https://huggingface.co/docs/hub/storage-limits
FILES_PER_FOLDER = 10_000
