"""From the broker to the database: messages received, checked, decoded, stored, acknowledged."""
