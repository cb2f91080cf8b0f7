"""What every service of the mesh is made of."""
