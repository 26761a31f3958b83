"""Language models, encoders and where their weights come from."""
