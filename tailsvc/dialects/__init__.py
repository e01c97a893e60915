"""Other systems' APIs, as far as they are only another form of what the engine knows: no requests, no rights."""
