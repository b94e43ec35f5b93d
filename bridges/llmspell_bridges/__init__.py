"""Two script VMs behind one protocol: values, the shape of a script-visible API, sandboxes.

This floor knows nothing of llmspell's State; it could embed any API in Lua and JavaScript.
"""
