"""Domain of atelier-auth: API keys, tokens and scopes; knows no wire and no database."""
