"""What each table promises: columns, rules, privacy class, owner, retention. One module a stage."""
