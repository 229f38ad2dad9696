"""What locker and host say to each other: topics, messages, events, codes; what is believed of outsiders."""
