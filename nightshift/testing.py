"""Conformance suites by the name they had. They moved beside what they hold; this name stays for one
release."""

from nightshift.models.encoders.conformance import EncoderConformance
from nightshift.models.llm.conformance import LLMConformance
from nightshift.rankers.conformance import RankerConformance

__all__ = ["EncoderConformance", "LLMConformance", "RankerConformance"]
