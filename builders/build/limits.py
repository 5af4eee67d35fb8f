"""How large row groups and files may become."""

# `datasets` reads a whole row group at a time, each row with its own copy of its image: it must stay under 128 MB.
ROW_GROUP_DENSE_BYTES = 100_000_000
ROW_GROUP_ROWS = 20_000
# A file stays under 500 MB; what is left over is for texts and for images that two row groups share.
SHARD_IMAGE_BYTES = 400_000_000
# Enough for a worker to be busy with; few enough that workers end together.
SHARD_RECORDS = 100_000
