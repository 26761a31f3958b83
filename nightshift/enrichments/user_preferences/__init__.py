"""What every user wants and avoids."""
