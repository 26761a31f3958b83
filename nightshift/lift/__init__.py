"""What the features are worth: arms, metrics, intervals, slices and a verdict in words."""

from nightshift.lift.settings import LiftSettings
from nightshift.lift.suite import Judged, judge
from nightshift.lift.verdict import verdict

__all__ = ["Judged", "LiftSettings", "judge", "verdict"]
