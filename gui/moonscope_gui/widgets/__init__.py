"""Tables, text, messages, the palette and the theme: they know nothing of Lua, caches and VMs."""
