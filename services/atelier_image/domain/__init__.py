"""The domain of images: plain values and rules, without messages, broker, database or device."""
