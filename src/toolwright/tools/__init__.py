"""Catalogues of tools, from OpenAPI files, tool JSON and Python functions."""
