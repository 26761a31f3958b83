"""Text encoders: texts in, unit vectors out, under an id that carries the revision."""

from nightshift.models.encoders.build import EncoderSettings, build_encoder, identify_encoder

__all__ = ["EncoderSettings", "build_encoder", "identify_encoder"]
