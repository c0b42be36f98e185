"""The command line: what a user does with one file; campaigns belong to the workflow.

One module per group of commands. Everything slow to import is imported inside the commands.
"""
