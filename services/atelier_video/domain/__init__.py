"""What a video is: plain values and rules; knows no wire, no broker, no database and no device."""
