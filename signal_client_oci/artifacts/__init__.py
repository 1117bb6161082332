"""Turns the text of one record into the artifact that the host ingests: one package per kind of record."""
