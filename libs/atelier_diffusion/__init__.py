"""The engine: it turns a resolved request and a model into pictures, and knows no job, no wire and no service."""
