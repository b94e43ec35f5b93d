"""Going on with a local file while a store is away."""
