"""Moved to `nightshift.night.config`. This name stays for one release."""

from nightshift.night.config import CONFIG_NAME, Settings, load_settings

__all__ = ["CONFIG_NAME", "Settings", "load_settings"]
