"""The ComfyUI door: ComfyUI's HTTP and WebSocket protocol in front of node hosts."""
