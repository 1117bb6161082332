"""HTTP as the sandbox serves it: connections, signatures, page tokens, the request log, control."""
