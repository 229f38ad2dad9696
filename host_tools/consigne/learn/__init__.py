"""The wizard that learns how an unknown cabinet is wired."""
