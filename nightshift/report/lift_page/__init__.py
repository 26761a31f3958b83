"""The sceptic's report: one HTML file a training night that needs no network, reads on a phone, and
prints."""
