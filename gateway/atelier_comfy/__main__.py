"""`python -m atelier_comfy`: what `atelier comfy` starts."""

from atelier_comfy.main import main

main()
