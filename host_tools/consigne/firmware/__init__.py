"""How the firmware's sources become the application image that a board runs."""
