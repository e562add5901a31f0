"""The shared room: a hub that orders the entries of several laptops' journals and passes them on.

Each laptop records in its own journal first and shows what is there. ``store`` is the hub's part of that file: what
is shared, what still has to be sent and how far was read. ``port`` is what is asked of a hub, ``postgres`` one in a
Postgres database, ``schema`` its tables and functions, and ``sync`` the protocol between the two.
"""
