"""What a schema does with rows, seen by giving it some: constraints that refuse, triggers that fire,
functions that are called twice, at once, and where nothing may be written.

Everything happens on a shadow with rows of our own making.
"""
