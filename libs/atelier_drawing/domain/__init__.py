"""The domain of drawings: plain values, rules and ports, without messages, broker, database or device."""
