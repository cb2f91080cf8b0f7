"""What a node asks of the mesh: the port, its requests and replies."""
