"""Features of a candidate for a user at a moment, in families that share nothing but the past.

`base__` counts, rates, attributes and collaborative scores; `text__` similarities in the source text's
vectors; `llm__` similarities, tags and preferences from what the language model wrote; `permuted__` the
placebo of `llm__`.
"""
