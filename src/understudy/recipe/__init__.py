"""What a user asks for: objects, the YAML file that holds the same, and what both must be."""
