"""The rim: storage over gRPC, tables in SQL, commands on the bus."""
