"""A whole real-space model in a few hundred bytes, with a bound on the error of its coupling."""
