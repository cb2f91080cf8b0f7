"""The domain of models: plain values, rules and ports, without messages, broker, database or device."""
