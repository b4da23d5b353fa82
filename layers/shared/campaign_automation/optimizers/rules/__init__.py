"""Evaluation of automation rules over columns of figures."""
