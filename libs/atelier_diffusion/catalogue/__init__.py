"""The catalogue of models, read from YAML files."""
