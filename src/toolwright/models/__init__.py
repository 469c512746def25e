"""Language models: loading them, and `nano`, the small one that ships with the package."""
