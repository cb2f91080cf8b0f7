"""Drawing: parameters, submits, the cache key and the worker's handler; knows no picture and no clip."""
