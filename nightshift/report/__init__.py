"""What people look at: the report page of a lift, and pictures of a night."""
