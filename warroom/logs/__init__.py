"""How logs are read: sources give lines, records say what each is, a view is what can be looked at; no screen."""
