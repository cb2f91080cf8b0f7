"""The domain of stored files: plain values, rules and ports, without messages, broker, database or device."""
