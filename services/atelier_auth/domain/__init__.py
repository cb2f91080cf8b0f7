"""What keys and tokens are and who may have them; knows no wire and no database."""
