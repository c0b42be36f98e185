"""What is in finished files: do they hold what they should, come out again, what did they cost."""
