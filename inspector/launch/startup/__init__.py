"""The directory that goes on PYTHONPATH; only ``sitecustomize`` is read from it."""
