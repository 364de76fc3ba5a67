"""Speed and memory, measured side by side as whole processes."""
