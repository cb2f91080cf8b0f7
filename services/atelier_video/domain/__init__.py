"""The domain of videos: plain values and rules, without messages, broker, database or device."""
