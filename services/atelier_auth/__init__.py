"""atelier-auth: users, API keys, the tokens made from them, and the gateway's external authorization."""
