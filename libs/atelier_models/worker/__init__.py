"""The workers' side of models: what they report and which commands they follow."""
