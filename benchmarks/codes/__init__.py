"""One file a task: every code that does it, as a function that prepares and returns a `Task`."""
