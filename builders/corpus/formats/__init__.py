"""The label formats, a module each, found by listing this folder: see `builders/corpus/label_formats.py`."""
