"""A package with a module that ends the process which imports it."""
