"""What a model, an encoder or a fit adds to what is known: one declaration each."""
