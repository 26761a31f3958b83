"""The user's own data: files are mapped, read, cleaned and checked here, before anything is paid for."""
