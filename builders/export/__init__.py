"""Exports of the data set in the files of trainers."""
