"""Pictures for an asset's page: small SVG made by hand, in milliseconds, so that a night never waits for a
drawing library."""
