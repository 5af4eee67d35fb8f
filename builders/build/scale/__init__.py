"""What only object storage and clusters need; a build into a folder of this machine imports none of it."""
