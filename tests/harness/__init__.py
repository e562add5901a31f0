"""What the tests of several folders share: the console under test, servers, formats of tokens."""
