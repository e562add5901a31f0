"""Test kits for authors of plugins and journals. They need pytest; nothing in the program imports them.

``ChatContract`` and ``HttpChatContract`` for a chat backend, ``JournalContract`` for a journal: subclass one in a
test module of your own, and pytest runs its tests.
"""

from warroom.testing.chat_contract import ChatContract, HttpChatContract

__all__ = ["ChatContract", "HttpChatContract"]
