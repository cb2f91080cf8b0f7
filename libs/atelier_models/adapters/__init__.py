"""Reports of models in SQL, commands on the bus."""
