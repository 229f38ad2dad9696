"""The protocol of locker and host: topics, messages, events, codes; checks of data from outside."""
